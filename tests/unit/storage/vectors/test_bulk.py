from pathlib import Path

import numpy as np
import pytest

from ragkeeper.storage.vectors.bulk import BulkLoader
from ragkeeper.storage.vectors.embedded import EmbeddedIndex
from ragkeeper.storage.vectors.errors import IndexMismatch
from ragkeeper.storage.vectors.port import IndexFilter, IndexQuery, WordsEntry

EVERYWHERE = IndexFilter(frozenset({"c"}))


def entry(chunk_id: int, direction: list[float] | None):
    vector = None if direction is None else np.array(direction, np.float32)
    return WordsEntry(chunk_id, "v", "d", "c", f"pump{chunk_id}"), vector


async def opened(folder: Path) -> EmbeddedIndex:
    return await EmbeddedIndex.open(folder, 2, "none", "one")


async def test_what_was_loaded_is_found_by_words_and_vectors(tmp_path: Path) -> None:
    loader = BulkLoader.open(tmp_path / "index", 2, "none", "one")
    loader.put([entry(1, [1, 0]), entry(2, [0, 1]), entry(3, None)])
    loader.put([])
    loader.optimize()
    loader.close()
    index = await opened(tmp_path / "index")
    found = {
        one.chunk_id: one for one in await index.search(IndexQuery("pump2", np.array([0, 1], "f4"), EVERYWHERE, 3))
    }
    counts = await index.count()
    await index.close()
    assert (counts.points, counts.with_vectors) == (3, 2)
    assert found[2].dense == pytest.approx(1)
    assert (found[2].lexical or 0) > 0
    assert found[1].lexical == 0


async def test_loading_goes_on_after_a_break_and_twice_does_no_harm(tmp_path: Path) -> None:
    for _ in range(2):
        loader = BulkLoader.open(tmp_path, 2, "none", "one")
        loader.put([entry(1, [1, 0]), entry(2, [0, 1])])
        loader.close()
    index = await opened(tmp_path)
    counts = await index.count()
    await index.close()
    assert (counts.points, counts.with_vectors) == (2, 2)


@pytest.mark.parametrize("vector", [[np.nan, 0], [1, 0, 0], [np.inf, 1]])
def test_a_vector_that_nothing_can_be_compared_with_is_left_out(tmp_path: Path, vector: list[float]) -> None:
    loader = BulkLoader.open(tmp_path, 2)
    loader.put([entry(1, vector), entry(2, [1, 0])])
    counts = loader.count()
    loader.close()
    assert (counts.points, counts.with_vectors) == (2, 1)


def test_an_index_for_something_else_is_refused(tmp_path: Path) -> None:
    BulkLoader.open(tmp_path, 2, "none", "one").close()
    with pytest.raises(IndexMismatch):
        BulkLoader.open(tmp_path, 2, "none", "two")
