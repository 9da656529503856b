"""Random operations: every index agrees with a plain dictionary on what is there and what a filter lets through."""

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragkeeper.storage.vectors.port import IndexCounts, IndexFilter, IndexQuery, VectorEntry, WordsEntry

CHUNKS = st.integers(1, 8)
NAMES = st.sampled_from(["a", "b", "c"])
METADATA = st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from([1, "1", True, 2.5]), max_size=2)
WORDS = st.builds(WordsEntry, CHUNKS, NAMES, NAMES, NAMES, st.just("fox"), METADATA)
SOME_NAMES = st.frozensets(NAMES, max_size=3)
FILTERS = st.builds(IndexFilter, SOME_NAMES, st.none() | SOME_NAMES, METADATA)
OPERATIONS = st.one_of(
    st.tuples(st.just("words"), st.lists(WORDS, max_size=4)),
    st.tuples(st.just("vectors"), st.lists(CHUNKS, max_size=4)),
    st.tuples(st.just("remove_versions"), SOME_NAMES),
    st.tuples(st.just("remove_documents"), SOME_NAMES),
    st.tuples(st.just("search"), FILTERS),
    st.tuples(st.just("clear"), st.none()),
)
VECTOR = np.array([1, 2, 3, 4], np.float32)


@dataclass
class Model:
    entries: dict[int, WordsEntry] = field(default_factory=dict)
    vectors: set[int] = field(default_factory=set)

    def keep(self, wanted):
        self.entries = {one: entry for one, entry in self.entries.items() if wanted(entry)}
        self.vectors &= self.entries.keys()

    def matching(self, where: IndexFilter) -> set[int]:
        return {one for one, entry in self.entries.items() if allows(where, entry)}


def allows(where: IndexFilter, entry: WordsEntry) -> bool:
    in_documents = where.document_ids is None or entry.document_id in where.document_ids
    held = {(name, type(value), value) for name, value in entry.metadata.items()}
    asked = {(name, type(value), value) for name, value in where.metadata.items()}
    return entry.collection_id in where.collection_ids and in_documents and asked <= held


async def apply(index, model: Model, name: str, value) -> None:
    match name:
        case "words":
            await index.put_words(value)
            model.entries.update({entry.chunk_id: entry for entry in value})
        case "vectors":
            await index.put_vectors([VectorEntry(one, VECTOR) for one in value])
            model.vectors |= set(value) & model.entries.keys()
        case "remove_versions":
            await index.remove_versions(value)
            model.keep(lambda entry: entry.version_id not in value)
        case "remove_documents":
            await index.remove_documents(value)
            model.keep(lambda entry: entry.document_id not in value)
        case "clear":
            await index.clear()
            model.keep(lambda _: False)
        case "search":
            await agree_on(index, model, value)


async def agree_on(index, model: Model, where: IndexFilter) -> None:
    expected = model.matching(where)
    lexical = await index.search(IndexQuery("fox", None, where, 20))
    dense = await index.search(IndexQuery(None, VECTOR, where, 20))
    both = await index.search(IndexQuery("fox", VECTOR, where, 20))
    assert {one.chunk_id for one in lexical} == expected
    assert {one.chunk_id for one in dense} == expected & model.vectors
    assert {one.chunk_id: one.dense is not None for one in both} == {one: one in model.vectors for one in expected}


async def run(opener, folder: Path, operations) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as own:
        index, model = await opener(Path(own, "index")), Model()
        for name, value in operations:
            await apply(index, model, name, value)
        assert await index.count() == IndexCounts(len(model.entries), len(model.vectors))
        versions = sorted((one, entry.version_id) for one, entry in model.entries.items())
        assert await index.chunk_ids(0, 100) == versions
        await index.close()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=st.lists(OPERATIONS, min_size=1, max_size=15))
def test_an_index_agrees_with_a_plain_dictionary(opener, folder, operations):
    asyncio.run(run(opener, folder, operations))
