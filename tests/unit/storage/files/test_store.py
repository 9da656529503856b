import errno
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragkeeper.storage.files.errors import DiskSpaceLow, FileTooLarge
from ragkeeper.storage.files.store import FileStore, ReceivedFile


async def blocks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def put(files: FileStore, *parts: bytes) -> ReceivedFile:
    async with files.receive(blocks(*parts)) as received:
        await files.keep([received])
        return received


def store(folder: Path, limit_mb: int = 1, reserve_mb: int = 0) -> FileStore:
    made = FileStore(folder, limit_mb, reserve_mb)
    made.prepare()
    return made


async def test_content_is_kept_under_its_hash_and_once(tmp_path: Path) -> None:
    files = store(tmp_path)
    first = await put(files, b"ab", b"c")
    second = await put(files, b"abc")
    assert first.sha256 == hashlib.sha256(b"abc").hexdigest()
    assert (first.sha256, second.size) == (second.sha256, 3)
    assert files.path(first.sha256).read_bytes() == b"abc"
    assert [name async for names in files.stored() for name in names] == [first.sha256]


async def test_an_original_removed_before_its_copy_was_registered_is_made_again(tmp_path: Path) -> None:
    files = store(tmp_path)
    stored = await put(files, b"abc")
    async with files.receive(blocks(b"abc")) as received:
        await files.keep([received])
        await files.remove([stored.sha256])
        await files.keep([received])
    assert files.path(stored.sha256).read_bytes() == b"abc"


async def test_what_is_not_kept_leaves_nothing(tmp_path: Path) -> None:
    files = store(tmp_path)
    async with files.receive(blocks(b"abc")) as received:
        assert received.path.read_bytes() == b"abc"
    assert {path.name for path in tmp_path.rglob("*")} == {"incoming"}  # noqa: ASYNC240 - a test may wait for it


async def test_too_large_a_file_leaves_nothing(tmp_path: Path) -> None:
    files = store(tmp_path)
    with pytest.raises(FileTooLarge, match="1 MB"):
        await put(files, b"x" * 600_000, b"x" * 600_000)
    assert list((tmp_path / "incoming").iterdir()) == []


async def test_the_reserve_on_the_disk_is_not_used_up(tmp_path: Path) -> None:
    with pytest.raises(DiskSpaceLow):
        await put(store(tmp_path, reserve_mb=10**9), b"x")


def test_a_file_system_that_does_not_say_what_is_free_takes_files() -> None:
    files = FileStore(Path("/proc"), 1, 10**9)
    files.require_space()
    assert files.space().free_mb is None


async def test_half_received_files_of_an_earlier_process_are_dropped(tmp_path: Path) -> None:
    files = store(tmp_path)
    (tmp_path / "incoming" / "tmpabc").write_bytes(b"half")
    files.prepare()
    assert list((tmp_path / "incoming").iterdir()) == []


async def test_removing_twice_is_no_error(tmp_path: Path) -> None:
    files = store(tmp_path)
    stored = await put(files, b"abc")
    assert await files.remove([stored.sha256]) == 1
    assert await files.remove([stored.sha256]) == 0


async def test_without_hard_links_a_copy_is_kept_and_the_source_stays(tmp_path: Path) -> None:
    files = Linkless(tmp_path, 1, 0)
    files.prepare()
    async with files.receive(blocks(b"abc")) as received:
        for _ in range(2):
            await files.keep([received])
        await files.remove([received.sha256])
        await files.keep([received])
    assert files.path(received.sha256).read_bytes() == b"abc"


class Linkless(FileStore):
    """On a file system without hard links."""

    def link(self, source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, f"no links here: {source} {target}")
