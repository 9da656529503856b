"""The embedded index optimizes a copy in a child process."""

import asyncio

import numpy as np
import pytest

from ragkeeper.storage.vectors import optimizer
from ragkeeper.storage.vectors.embedded import EmbeddedIndex
from ragkeeper.storage.vectors.errors import IndexClosed, OptimizeFailed
from ragkeeper.storage.vectors.port import Candidate, IndexCounts, IndexFilter, IndexQuery, VectorEntry, WordsEntry

EAST = np.array([1, 0, 0, 0], np.float32)


def words(*chunk_ids: int, text: str = "fox") -> list[WordsEntry]:
    return [WordsEntry(one, f"v{one}", f"d{one}", "c", text) for one in chunk_ids]


def vectors(*chunk_ids: int) -> list[VectorEntry]:
    return [VectorEntry(one, EAST) for one in chunk_ids]


async def find(index: EmbeddedIndex, text: str = "fox", limit: int = 100) -> dict[int, Candidate]:
    found = await index.search(IndexQuery(text, EAST, IndexFilter(frozenset("c")), limit))
    return {one.chunk_id: one for one in found}


async def started(index: EmbeddedIndex) -> None:
    """Return when the copy is made and writes go to the journal as well."""
    while index._journal is None:  # noqa: ASYNC110 - the index tells nobody but this test
        await asyncio.sleep(0.001)


async def test_what_is_written_while_optimizing_is_not_lost(folder):
    index = await EmbeddedIndex.open(folder, 4)
    await index.put_words(words(*range(1, 101)))
    await index.put_vectors(vectors(*range(1, 101)))
    optimizing = asyncio.create_task(index.optimize(force=True))
    await started(index)
    await index.put_words(words(1, text="whale") + words(200))
    await index.put_vectors(vectors(200))
    await index.remove_documents(["d2"])
    assert not optimizing.done()
    assert await optimizing
    assert await index.count() == IndexCounts(100, 100)
    assert set(await find(index, limit=200)) >= {200}
    assert (await find(index, "whale"))[1].lexical > 0
    assert await index.optimize(force=True), "the vector that came meanwhile is not in the graph yet"
    await index.close()
    assert len(list(folder.glob("shard-*"))) == 1
    index = await EmbeddedIndex.open(folder, 4)
    assert await index.count() == IndexCounts(100, 100)
    assert 2 not in await find(index, limit=200)
    await index.close()


async def test_a_failed_optimization_changes_nothing(folder):
    index = await EmbeddedIndex.open(folder, 4)
    await index.put_words(words(1))
    await index.put_vectors(vectors(1))
    optimizing = asyncio.create_task(index.optimize(force=True))
    await started(index)
    for copy in folder.glob("shard-*"):
        if copy.name != index._manifest.shard:
            (copy / "edge_config.json").write_text("{")
    with pytest.raises(OptimizeFailed):
        await optimizing
    assert set(await find(index)) == {1}
    assert len(list(folder.glob("shard-*"))) == 1
    assert await index.optimize(force=True)
    await index.close()


async def test_closing_ends_an_optimization(folder):
    index = await EmbeddedIndex.open(folder, 4)
    await index.put_words(words(1))
    await index.put_vectors(vectors(1))
    optimizing = asyncio.create_task(index.optimize(force=True))
    await started(index)
    await index.close()
    with pytest.raises(asyncio.CancelledError):
        await optimizing
    assert len(list(folder.glob("shard-*"))) == 1


async def test_the_need_is_known_after_opening_again(folder):
    index = await EmbeddedIndex.open(folder, 4)
    await index.put_words(words(1, 2, 3))
    await index.put_vectors(vectors(1, 2))
    assert await index.optimize(force=True)
    await index.put_vectors(vectors(3))
    await index.close()
    index = await EmbeddedIndex.open(folder, 4)
    assert index._unoptimized == 1
    await index.close()


async def test_a_child_that_dies_is_a_failure_with_its_reason(tmp_path):
    with pytest.raises(OptimizeFailed, match="does not exist"):
        await optimizer.optimize_in_child(tmp_path / "nowhere")


async def test_a_closed_index_says_so(folder):
    index = await EmbeddedIndex.open(folder, 4)
    await index.close()
    await index.close()
    for call in (index.count(), index.chunk_ids(0, 1), index.put_words(words(1)), index.remove_versions(["v1"])):
        with pytest.raises(IndexClosed):
            await call


async def test_what_came_and_went_is_let_go_also_when_it_never_had_a_vector(folder):
    index = await EmbeddedIndex.open(folder, 4)
    for start in range(1, 6_001, 1_000):
        await index.put_words(words(*range(start, start + 1_000)))
        await index.remove_documents([f"d{one}" for one in range(start, start + 1_000) if one > 10])
        optimized = await index.optimize()
        assert optimized == (start == 5_001)
    assert await index.count() == IndexCounts(10, 0)
    assert index._shard.dead() == 0
    assert len(await find(index)) == 10
    assert not await index.optimize()
    await index.close()


async def test_what_the_engine_leaves_is_not_taken_for_new(folder):
    index = await EmbeddedIndex.open(folder, 4)
    await index.put_words(words(*range(1, 101)))
    await index.put_vectors(vectors(*range(1, 101)))
    await index.remove_documents([f"d{one}" for one in range(1, 51)])
    assert index._shard.dead() == 50
    assert await index.optimize(force=True)
    assert index._dead_left == index._shard.dead()
    await index.clear()
    assert (index._shard.dead(), index._dead_left) == (0, 0)
    await index.close()
