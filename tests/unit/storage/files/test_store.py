import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragkeeper.storage.files.errors import DiskSpaceLow, FileTooLarge
from ragkeeper.storage.files.store import FileStore


async def blocks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def store(folder: Path, limit_mb: int = 1, reserve_mb: int = 0) -> FileStore:
    made = FileStore(folder, limit_mb, reserve_mb)
    made.prepare()
    return made


async def test_content_is_kept_under_its_hash_and_once(tmp_path: Path) -> None:
    files = store(tmp_path)
    first = await files.receive(blocks(b"ab", b"c"))
    second = await files.receive(blocks(b"abc"))
    assert first.sha256 == hashlib.sha256(b"abc").hexdigest()
    assert (first.created, second.created, second.size) == (True, False, 3)
    assert files.path(first.sha256).read_bytes() == b"abc"


async def test_too_large_a_file_leaves_nothing(tmp_path: Path) -> None:
    files = store(tmp_path)
    with pytest.raises(FileTooLarge, match="1 MB"):
        await files.receive(blocks(b"x" * 600_000, b"x" * 600_000))
    assert list((tmp_path / "incoming").iterdir()) == []


async def test_the_reserve_on_the_disk_is_not_used_up(tmp_path: Path) -> None:
    with pytest.raises(DiskSpaceLow):
        await store(tmp_path, reserve_mb=10**9).receive(blocks(b"x"))


async def test_half_received_files_of_an_earlier_process_are_dropped(tmp_path: Path) -> None:
    files = store(tmp_path)
    (tmp_path / "incoming" / "tmpabc").write_bytes(b"half")
    files.prepare()
    assert list((tmp_path / "incoming").iterdir()) == []


async def test_removing_twice_is_no_error(tmp_path: Path) -> None:
    files = store(tmp_path)
    stored = await files.receive(blocks(b"abc"))
    assert await files.remove(stored.sha256)
    assert not await files.remove(stored.sha256)
