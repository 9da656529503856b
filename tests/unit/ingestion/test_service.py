from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragkeeper.documents.errors import CollectionUnknown
from ragkeeper.ingestion.errors import FileEmpty, NameMissing
from ragkeeper.ingestion.service import Upload
from ragkeeper.storage.files.errors import FileTooLarge
from tests.wired import ADMIN, once, wired


async def broken() -> AsyncIterator[bytes]:
    yield b"half a fi"
    raise ConnectionResetError


@pytest.mark.parametrize(
    ("upload", "content", "error"),
    [
        (Upload("a.md"), b"", FileEmpty),
        (Upload("a.md"), b"x" * 1_000_001, FileTooLarge),
        (Upload("../.."), b"x", NameMissing),
        (Upload("a.md", collection="none"), b"x", CollectionUnknown),
    ],
)
async def test_a_refused_upload_leaves_nothing(
    tmp_path: Path, upload: Upload, content: bytes, error: type[Exception]
) -> None:
    async with wired(tmp_path) as product:
        with pytest.raises(error):
            await product.ingestion.accept(ADMIN, upload, once(content))
        assert (await product.documents.counts(ADMIN))["accepted"] == 0
        assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


async def test_a_sender_that_goes_away_leaves_nothing(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        with pytest.raises(ConnectionResetError):
            await product.ingestion.accept(ADMIN, Upload("a.md"), broken())
        assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


async def test_a_text_without_a_name_is_known_by_its_content(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        first = await product.ingestion.accept(ADMIN, Upload(None), once(b"Hello there."))
        second = await product.ingestion.accept(ADMIN, Upload(None), once(b"Hello there."))
        assert (second.id, second.duplicate) == (first.id, True)


async def test_a_distinct_upload_is_a_document_of_its_own_and_still_no_new_version_of_itself(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        first = await product.add("a.md", "Hello there.")
        distinct = Upload("b.md", distinct=True)
        second = await product.ingestion.accept(ADMIN, distinct, once(b"Hello there."))
        again = await product.ingestion.accept(ADMIN, distinct, once(b"Hello there."))
        assert second.id != first.id
        assert (again.id, again.version, again.duplicate) == (second.id, second.version, True)
