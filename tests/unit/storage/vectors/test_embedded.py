import asyncio
import os
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from ragkeeper.storage.vectors.bulk import BulkLoader
from ragkeeper.storage.vectors.embedded import EmbeddedIndex
from ragkeeper.storage.vectors.errors import IndexFailed, IndexInUse, IndexMismatch, IndexUnreadable
from ragkeeper.storage.vectors.port import Candidate, IndexCounts, IndexFilter, IndexQuery, VectorEntry, WordsEntry

EAST = np.array([1, 0, 0, 0], np.float32)


def words(*chunk_ids: int, text: str = "fox") -> list[WordsEntry]:
    return [WordsEntry(one, f"v{one}", f"d{one}", "c", text) for one in chunk_ids]


def vectors(*chunk_ids: int) -> list[VectorEntry]:
    return [VectorEntry(one, EAST) for one in chunk_ids]


async def find(index: EmbeddedIndex, text: str = "fox", limit: int = 100) -> dict[int, Candidate]:
    found = await index.search(IndexQuery(text, EAST, IndexFilter(frozenset("c")), limit))
    return {one.chunk_id: one for one in found}


async def test_everything_is_there_after_closing_and_opening(folder):
    index = await EmbeddedIndex.open(folder, 4)
    await index.put_words(words(1, 2))
    await index.put_vectors(vectors(1))
    before = await find(index)
    await index.close()
    index = await EmbeddedIndex.open(folder, 4)
    assert await index.count() == IndexCounts(2, 1)
    assert await find(index) == before
    await index.close()


@pytest.mark.parametrize(
    ("dimension", "language", "model", "message"),
    [
        (8, "auto", "one", "dimension 4, but 8"),
        (4, "german", "one", "language auto, but german"),
        (4, "auto", "two", "model one, but two"),
    ],
)
async def test_an_index_made_for_something_else_is_refused(folder, dimension, language, model, message):
    await (await EmbeddedIndex.open(folder, 4, model="one")).close()
    with pytest.raises(IndexMismatch, match=message) as caught:
        await EmbeddedIndex.open(folder, dimension, language, model)
    assert "rebuilt" in caught.value.advice


async def test_an_index_open_elsewhere_is_refused(folder):
    index = await EmbeddedIndex.open(folder, 4)
    with pytest.raises(IndexInUse):
        await EmbeddedIndex.open(folder, 4)
    await index.close()


async def test_a_damaged_shard_is_told_apart(folder):
    await (await EmbeddedIndex.open(folder, 4)).close()
    for file in folder.glob("shard-*/edge_config.json"):
        file.write_text("{")
    with pytest.raises(IndexUnreadable, match="cannot be read"):
        await EmbeddedIndex.open(folder, 4)


def cut_off(folder: Path) -> list[Path]:
    """Half of each file that is read as memory, as a full or failing disk may leave it."""
    files = [path for path in folder.glob("shard-*/segments/**/*") if path.is_file() and path.stat().st_size > 8192]
    for path in files:
        os.truncate(path, path.stat().st_size // 2)
    return files


async def test_files_that_go_while_it_is_open_are_the_index_s_failure(folder):
    index = await EmbeddedIndex.open(folder, 4)
    await index.put_words(words(1))
    shutil.rmtree(folder)
    with pytest.raises(IndexFailed, match="No such file"):
        await index.flush()
    with suppress(IndexFailed):
        await index.close()


async def test_a_file_that_was_cut_off_is_found_before_it_is_read(folder):
    """The engine would be ended by the system (SIGBUS), and the server with it."""
    index = await EmbeddedIndex.open(folder, 4)
    await index.put_words(words(1, 2))
    await index.put_vectors(vectors(1))
    await index.close()
    await (await EmbeddedIndex.open(folder, 4)).close()
    assert cut_off(folder)
    with pytest.raises(IndexUnreadable, match=r"has \d+ bytes of \d+"):
        await EmbeddedIndex.open(folder, 4)
    with pytest.raises(IndexUnreadable, match=r"has \d+ bytes of \d+"):
        BulkLoader.open(folder, 4)


async def test_what_grew_since_and_sizes_that_nobody_knows_are_no_damage(folder):
    index = await EmbeddedIndex.open(folder, 4)
    await index.put_words(words(1, 2))
    await index.close()
    sizes = folder / "sizes.json"
    kept = sizes.read_text()
    for content in ("", "{", "[]", kept.replace("shard-", "shard-of-old-"), kept.replace("vector", "other")):
        sizes.write_text(content)
        index = await EmbeddedIndex.open(folder, 4)
        assert set(await find(index)) == {1, 2}
        await index.close()
    sizes.unlink()
    await (await EmbeddedIndex.open(folder, 4)).close()


async def test_it_says_when_optimizing_is_worth_it(folder):
    index = await EmbeddedIndex.open(folder, 4)
    assert not index.needs_optimizing
    index._unoptimized = 5_000
    assert index.needs_optimizing
    index._manifest = index._manifest.successor(index._manifest.shard, optimized=1_000_000)
    assert not index.needs_optimizing
    await index.close()


async def test_searches_are_answered_while_many_words_go_in(folder):
    index = await EmbeddedIndex.open(folder, 4)
    await index.put_words(words(1))
    putting = asyncio.create_task(index.put_words(words(*range(2, 3_000))))
    await find(index)
    await find(index)
    assert not putting.done()
    await putting
    await index.close()
