"""What every search index must do."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from ragkeeper.storage.vectors.errors import VectorUnusable
from ragkeeper.storage.vectors.port import (
    Candidate,
    IndexCounts,
    IndexFilter,
    IndexQuery,
    MetadataValue,
    VectorEntry,
    VectorIndex,
    WordsEntry,
)

ALL = frozenset({"public", "secret"})
EAST, NORTH, NORTHEAST = [1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0]


def words(chunk_id: int, text: str, collection: str = "public", document: str | None = None, **metadata: MetadataValue):
    document = document or f"d{chunk_id}"
    return WordsEntry(chunk_id, f"{document}-v1", document, collection, text, metadata)


def vector(values: Iterable[float]):
    return np.array(list(values), np.float32)


def vectors(**by_id: list[float]) -> list[VectorEntry]:
    return [VectorEntry(int(name.removeprefix("c")), vector(values)) for name, values in by_id.items()]


async def find(
    index: VectorIndex, text: str | None, near: list[float] | None = None, limit: int = 10, **where: object
) -> dict[int, Candidate]:
    condition = IndexFilter(where.pop("collections", ALL), **where)
    candidates = await index.search(IndexQuery(text, None if near is None else vector(near), condition, limit))
    assert len({one.chunk_id for one in candidates}) == len(candidates)
    return {one.chunk_id: one for one in candidates}


async def test_words_find_the_chunks_that_hold_them(index):
    await index.put_words([words(1, "red fox"), words(2, "blue whale"), words(3, "fox and whale")])
    assert set(await find(index, "fox")) == {1, 3}


async def test_a_rarer_word_weighs_more(index):
    await index.put_words([words(1, "common rare"), *(words(n, f"common filler{n}") for n in range(2, 9))])
    found = await find(index, "common rare")
    assert max(found.values(), key=lambda one: one.lexical).chunk_id == 1


async def test_dense_is_the_cosine(index):
    await index.put_words([words(1, "a"), words(2, "b"), words(3, "c")])
    await index.put_vectors(vectors(c1=[5, 0, 0, 0], c2=NORTHEAST, c3=[-1, 0, 0, 0]))
    found = await find(index, None, [2, 0, 0, 0])
    assert {one: found[one].dense for one in found} == pytest.approx({1: 1.0, 2: 0.5**0.5, 3: -1.0}, abs=1e-5)


async def test_only_the_engines_that_were_asked_give_scores(index):
    await index.put_words([words(1, "fox")])
    await index.put_vectors(vectors(c1=EAST))
    assert (await find(index, "fox"))[1].dense is None
    assert (await find(index, None, EAST))[1].lexical is None


async def test_each_engine_contributes_its_limit(index):
    await index.put_words([words(n, "fox" if n % 2 else "whale") for n in range(1, 21)])
    await index.put_vectors([VectorEntry(n, vector([n, 20 - n, 0, 0])) for n in range(1, 21)])
    assert len(await find(index, "fox", limit=3)) == 3
    assert set(await find(index, None, EAST, limit=3)) == {18, 19, 20}
    assert 3 <= len(await find(index, "fox", EAST, limit=3)) <= 6


async def test_every_candidate_of_the_union_gets_both_scores(index):
    await index.put_words(
        [words(1, "fox"), words(2, "a very long text in which the fox is one word"), words(3, "whale")]
    )
    await index.put_vectors(vectors(c1=NORTH, c2=EAST, c3=NORTHEAST))
    found = await find(index, "fox", EAST, limit=1)
    alone = await find(index, "fox")
    assert set(found) == {1, 2}
    assert found[1].dense == pytest.approx(0.0, abs=1e-5)
    assert found[1].lexical == pytest.approx(alone[1].lexical)
    assert found[2].dense == pytest.approx(1.0, abs=1e-5)
    assert found[2].lexical == pytest.approx(alone[2].lexical)


async def test_a_chunk_without_a_shared_word_scores_zero(index):
    await index.put_words([words(1, "fox"), words(2, "whale")])
    await index.put_vectors(vectors(c2=EAST))
    found = await find(index, "fox", EAST)
    assert found[2].lexical == 0.0
    assert found[1].dense is None


async def test_words_are_searchable_before_vectors(index):
    await index.put_words([words(1, "fox")])
    assert set(await find(index, "fox", EAST)) == {1}
    assert await index.count() == IndexCounts(points=1, with_vectors=0)
    await index.put_vectors(vectors(c1=EAST))
    assert await index.count() == IndexCounts(points=1, with_vectors=1)


async def test_vectors_of_unknown_chunks_are_passed_over(index):
    await index.put_words([words(2, "fox")])
    await index.put_vectors(vectors(c1=EAST, c2=EAST, c3=EAST))
    assert await index.count() == IndexCounts(points=1, with_vectors=1)
    await index.put_vectors(vectors(c7=EAST))
    assert await index.count() == IndexCounts(points=1, with_vectors=1)


async def test_putting_again_changes_nothing(index):
    entries = [words(1, "red fox"), words(2, "blue fox")]
    for _ in range(3):
        await index.put_words(entries)
        await index.put_vectors(vectors(c1=EAST, c2=NORTH))
    once = await find(index, "fox", EAST)
    await index.put_words(entries)
    assert await find(index, "fox", EAST) == {
        one: Candidate(one, pytest.approx(was.dense, abs=1e-5), pytest.approx(was.lexical)) for one, was in once.items()
    }
    assert await index.count() == IndexCounts(points=2, with_vectors=2)


async def test_new_words_replace_the_old_ones_and_keep_the_vector(index):
    await index.put_words([words(1, "red fox", color="red")])
    await index.put_vectors(vectors(c1=EAST))
    await index.put_words([words(1, "blue whale", color="blue")])
    assert not await find(index, "fox")
    assert not await find(index, "whale", metadata={"color": "red"})
    found = await find(index, "whale", EAST, metadata={"color": "blue"})
    assert found[1].dense == pytest.approx(1.0, abs=1e-5)


async def test_the_last_of_equal_ids_in_one_call_counts(index):
    await index.put_words([words(1, "fox"), words(1, "whale")])
    assert not await find(index, "fox")
    assert set(await find(index, "whale")) == {1}


async def test_a_search_never_leaves_its_collections(index):
    await index.put_words([words(1, "fox"), words(2, "fox fox fox", "secret")])
    await index.put_vectors(vectors(c1=NORTH, c2=EAST))
    for text, near in (("fox", None), (None, EAST), ("fox", EAST)):
        assert set(await find(index, text, near, collections=frozenset({"public"}))) == {1}
    assert set(await find(index, "fox", EAST, collections=frozenset({"unknown"}))) == set()


async def test_no_collections_match_nothing(index):
    await index.put_words([words(1, "fox"), words(2, "fox", "")])
    await index.put_vectors(vectors(c1=EAST))
    assert not await find(index, "fox", EAST, collections=frozenset())


async def test_documents_narrow_a_search(index):
    await index.put_words([words(1, "fox"), words(2, "fox"), words(3, "fox", "secret")])
    assert set(await find(index, "fox", document_ids=frozenset({"d2", "d3"}))) == {2, 3}
    assert set(await find(index, "fox", collections={"public"}, document_ids=frozenset({"d2", "d3"}))) == {2}
    assert not await find(index, "fox", document_ids=frozenset())


@pytest.mark.parametrize(
    ("wanted", "matching"),
    [
        ("3", {1}),
        (3, {2}),
        (3.0, {2}),
        (3.5, {3}),
        (True, {4}),
        (1, {5}),
        (1.0, {5}),
        (False, set()),
        ("True", set()),
        (float("nan"), set()),
        (float("inf"), set()),
        ("", set()),
        (2**60 + 1, {7}),
        (2**60, set()),
    ],
)
async def test_metadata_matches_by_kind_and_value(index, wanted, matching):
    values = ["3", 3, 3.5, True, 1, float("nan"), 2**60 + 1]
    await index.put_words([words(n, "fox", field=value) for n, value in enumerate(values, 1)])
    await index.put_words([words(8, "fox")])
    assert set(await find(index, "fox", metadata={"field": wanted})) == matching


@pytest.mark.parametrize("name", ["plain", "with space", "a.b[0].c", 'quo"ted', "größe", "", "collection_id", "\ud800"])
async def test_any_field_name_will_do(index, name):
    await index.put_words([words(1, "fox", **{name: "x"}), words(2, "fox", **{name: "y"}), words(3, "fox", other="x")])
    assert set(await find(index, "fox", metadata={name: "x"})) == {1}


async def test_all_metadata_conditions_must_hold(index):
    await index.put_words([words(1, "fox", a=1, b=2), words(2, "fox", a=1, b=3), words(3, "fox", a=1)])
    assert set(await find(index, "fox", metadata={"a": 1, "b": 2})) == {1}


async def test_removing_versions_and_documents(index):
    entries = [words(1, "fox", document="d1"), words(2, "fox", document="d1"), words(3, "fox", document="d2")]
    await index.put_words([*entries, words(4, "fox", document="d3")])
    await index.remove_versions(["d1-v1", "unknown"])
    assert set(await find(index, "fox")) == {3, 4}
    await index.remove_documents({"d3"})
    assert set(await find(index, "fox")) == {3}


async def test_removing_nothing_changes_nothing(index):
    await index.put_words([words(1, "fox")])
    await index.remove_versions([])
    await index.remove_documents(set())
    assert (await index.count()).points == 1


async def test_a_removed_chunk_comes_back_without_its_old_vector(index):
    await index.put_words([words(1, "fox")])
    await index.put_vectors(vectors(c1=EAST))
    await index.remove_documents(["d1"])
    await index.put_words([words(1, "fox again")])
    assert (await find(index, "fox", EAST))[1].dense is None
    assert await index.count() == IndexCounts(points=1, with_vectors=0)


async def test_empty_calls_are_allowed(index):
    await index.put_words([])
    await index.put_vectors([])
    assert await index.count() == IndexCounts(points=0, with_vectors=0)
    assert not await find(index, "fox", EAST)
    assert await index.chunk_ids(0, 10) == []


@pytest.mark.parametrize("text", ["", "   ", "!!! ... ---", "\x00"])
async def test_a_query_without_words_finds_by_vector_alone(index, text):
    await index.put_words([words(1, "fox")])
    await index.put_vectors(vectors(c1=EAST))
    assert not await find(index, text)
    assert (await find(index, text, EAST))[1].lexical == 0.0


async def test_a_chunk_without_words_is_found_by_vector(index):
    await index.put_words([words(1, "")])
    await index.put_vectors(vectors(c1=EAST))
    assert set(await find(index, "fox", EAST)) == {1}


@pytest.mark.parametrize(
    "text", ["größe café", "обычный текст", "עברית", "العربية", "🦊", "naïve \ud800 broken", "a\x00b fox"]
)
async def test_any_text_goes_in_and_comes_out(index, text):
    await index.put_words([words(1, text), words(2, "something else")])
    assert 2 not in await find(index, text)
    if any(letter.isalpha() for letter in text):
        assert set(await find(index, text)) == {1}


async def test_a_very_long_query_is_answered(index):
    await index.put_words([words(1, "fox"), words(2, "whale")])
    assert set(await find(index, "fox " + " ".join(f"w{n}" for n in range(15_000)))) == {1}


@pytest.mark.parametrize(
    "bad", [[1, 0, 0], [1, 0, 0, 0, 0], [float("nan"), 0, 0, 0], [float("inf"), 0, 0, 0], [[1, 0, 0, 0]]]
)
async def test_an_unusable_vector_is_refused_and_nothing_is_written(index, bad):
    await index.put_words([words(1, "fox"), words(2, "fox")])
    with pytest.raises(VectorUnusable):
        await index.put_vectors([VectorEntry(1, vector(EAST)), VectorEntry(2, np.array(bad, np.float32))])
    with pytest.raises(VectorUnusable):
        await find(index, None, bad)
    assert (await index.count()).with_vectors == 0


async def test_a_zero_vector_is_as_far_from_everything(index):
    await index.put_words([words(1, "fox")])
    await index.put_vectors(vectors(c1=[0, 0, 0, 0]))
    assert (await find(index, None, EAST))[1].dense == 0.0


async def test_chunk_ids_come_in_order_and_in_pages(index):
    await index.put_words([words(n, "fox") for n in (30, 2, 11, 7)])
    assert await index.chunk_ids(0, 3) == [(2, "d2-v1"), (7, "d7-v1"), (11, "d11-v1")]
    assert await index.chunk_ids(11, 3) == [(30, "d30-v1")]
    assert await index.chunk_ids(30, 3) == []


async def test_chunks_with_vectors_come_in_order_and_in_pages(index):
    await index.put_words([words(n, "fox") for n in (2, 7, 11, 30)])
    await index.put_vectors(vectors(c30=EAST, c2=EAST, c11=NORTH))
    assert await index.vector_ids(0, 2) == [2, 11]
    assert await index.vector_ids(11, 2) == [30]
    assert await index.vector_ids(30, 2) == []


async def test_clear_empties_the_index_and_leaves_it_usable(index):
    await index.put_words([words(1, "fox")])
    await index.clear()
    assert await index.count() == IndexCounts(points=0, with_vectors=0)
    await index.put_words([words(2, "fox")])
    assert set(await find(index, "fox")) == {2}


async def test_optimizing_changes_no_answer(index):
    await index.put_words([words(n, f"fox number{n}") for n in range(1, 30)])
    await index.put_vectors([VectorEntry(n, vector([n, 30 - n, 0, 0])) for n in range(1, 30)])
    before = await find(index, "fox number7", EAST, limit=5)
    assert not await index.optimize()
    assert await index.optimize(force=True)
    assert not await index.optimize(force=True)
    after = await find(index, "fox number7", EAST, limit=5)
    assert {one: after[one].dense for one in after} == pytest.approx(
        {one: before[one].dense for one in before}, abs=1e-4
    )


async def test_a_snapshot_opens_and_answers_the_same(index, opener, folder: Path):
    await index.put_words([words(1, "red fox"), words(2, "blue whale", "secret")])
    await index.put_vectors(vectors(c1=EAST, c2=NORTH))
    await index.snapshot(folder / "copy")
    expected = await find(index, "fox whale", NORTHEAST)
    await index.put_words([words(3, "fox, later")])
    copy = await opener(folder / "copy")
    assert await find(copy, "fox whale", NORTHEAST) == expected
    await copy.put_words([words(4, "fox, in the copy")])
    await copy.close()
    assert set(await find(index, "fox")) == {1, 3}


async def test_closing_twice_leaves_it_whole_for_the_next(index, opener, folder: Path):
    await index.put_words([words(1, "red fox")])
    await index.snapshot(folder / "copy")
    copy = await opener(folder / "copy")
    await copy.close()
    await copy.close()
    again = await opener(folder / "copy")
    try:
        assert set(await find(again, "fox")) == {1}
    finally:
        await again.close()
