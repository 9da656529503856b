from pathlib import Path

import numpy as np
import pytest

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.retrieval.switching import Generation, SwitchableIndex
from ragkeeper.storage.vectors.fake import FakeIndex
from ragkeeper.storage.vectors.port import IndexFilter, IndexQuery, VectorEntry, WordsEntry
from tests.wired import ADMIN, wired

EVERYWHERE = IndexFilter(frozenset({"c"}))


class BrokenIndex(FakeIndex):
    async def put_words(self, entries):
        raise IndexBroken


class IndexBroken(RagkeeperError):
    """The index broke."""


def generation(name: str, model: str = "one", dimension: int = 2) -> Generation:
    return Generation(name, model, FakeIndex(dimension))


async def chunk(target: Generation, chunk_id: int) -> None:
    await target.index.put_words([WordsEntry(chunk_id, "v", "d", "c", "pump")])


async def found(index: SwitchableIndex, model: str, size: int) -> set[int]:
    query = IndexQuery("pump", np.ones(size, np.float32), EVERYWHERE, 10, model)
    return {candidate.chunk_id for candidate in await index.search(query)}


async def test_a_vector_goes_to_the_index_of_its_model_before_and_after_a_switch() -> None:
    old, new = generation("old", "one", 2), generation("new", "two", 3)
    await chunk(old, 1)
    await chunk(new, 2)
    index = SwitchableIndex(old)
    index.write_beside(new)
    assert (await found(index, "one", 2), await found(index, "two", 3)) == ({1}, {2})
    index.switch()
    assert (index.serving, index.beside) == (new, old)
    assert (await found(index, "one", 2), await found(index, "two", 3)) == ({1}, {2})


async def test_a_vector_that_nobody_understands_is_left_out() -> None:
    only = generation("only", "one", 2)
    await chunk(only, 1)
    assert await found(SwitchableIndex(only), "gone", 7) == {1}


async def test_switching_without_another_changes_nothing() -> None:
    only = generation("only")
    index = SwitchableIndex(only)
    index.switch()
    assert (index.serving, index.beside) == (only, None)


async def test_vectors_reach_only_indexes_of_their_model() -> None:
    old, new, same = generation("old", "one", 2), generation("new", "two", 3), generation("same", "one", 2)
    for beside in (new, same):
        index = SwitchableIndex(old, beside)
        await index.put_words([WordsEntry(1, "v", "d", "c", "pump")])
        await index.put_vectors([VectorEntry(1, np.ones(2, np.float32))])
    counts = [(await one.index.count()).with_vectors for one in (old, new, same)]
    assert counts == [1, 0, 1]


async def test_changes_reach_both_generations_each_with_its_models_vectors(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        beside = Generation("beside", "other", FakeIndex(64))
        product.generations.write_beside(beside)
        added = await product.add("a.md", "Pumps.")
        await product.settle()
        assert [(await one.index.count()).points for one in product.generations.targets] == [1, 1]
        assert (await beside.index.count()).with_vectors == 0
        await product.deletions.delete(ADMIN, added.id)
        await product.drain.drain_all()
        assert [(await one.index.count()).points for one in product.generations.targets] == [0, 0]


@pytest.mark.parametrize("serving_breaks", [True, False])
async def test_of_two_generations_one_may_fail(tmp_path: Path, serving_breaks: bool) -> None:
    """The one that serves only while its replacement is nearly ready."""
    broken = BrokenIndex(64)
    async with wired(tmp_path, index=broken if serving_breaks else None) as product:
        beside = Generation("beside", product.embedder.name, FakeIndex(64) if serving_breaks else broken)
        await product.add("a.md", "Pumps.")
        await product.parse()
        product.generations.write_beside(beside)
        if serving_breaks:
            with pytest.raises(IndexBroken):
                await product.drain.drain_all()
        product.generations.write_beside(beside, replacing=True)
        await product.drain.drain_all()
        counts = [(await one.index.count()).points for one in product.generations.targets]
    assert counts == ([0, 1] if serving_breaks else [1, 0])
