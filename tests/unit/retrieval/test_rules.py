from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.retrieval import rules
from ragkeeper.retrieval.fusion import TOGETHER, Fused
from ragkeeper.retrieval.models import ConfirmedChunk, IndexOperation, OutboxRow

LONG = " ".join(f"word{number}" for number in range(30))
MANY = 100


def chunk(number: int, document: str = "a", ordinal: int = 0, text: str = "") -> ConfirmedChunk:
    return ConfirmedChunk(
        chunk_id=number,
        version_id=f"v-{document}",
        document_id=document,
        collection="c",
        name=document,
        title=document,
        metadata={},
        ordinal=ordinal,
        start=ordinal * 10,
        end=ordinal * 10 + 9,
        page=None,
        page_end=None,
        headings=(),
        text=text or f"text {number}",
        gap=" ",
    )


def shown(ranked: list[rules.Ranked], most: int = MANY) -> list[list[int]]:
    """Chunk ids by result."""
    return [[item.chunk_id for item, _ in group] for group in rules.grouped(ranked, most)]


def test_a_copy_in_another_document_is_dropped() -> None:
    ranked = [(chunk(1, "a", text=LONG), 0.9), (chunk(2, "b", text=LONG + "."), 0.899), (chunk(3, "c"), 0.5)]
    assert shown(ranked) == [[1], [3]]


def test_the_same_words_in_one_document_stay() -> None:
    ranked = [(chunk(1, "a", 0, LONG), 0.9), (chunk(2, "a", 5, LONG), 0.9)]
    assert shown(ranked) == [[1], [2]]


def test_a_copy_that_scores_quite_differently_is_no_copy() -> None:
    ranked = [(chunk(1, "a", text=LONG), 0.9), (chunk(2, "b", text=LONG), 0.3)]
    assert shown(ranked) == [[1], [2]]


def test_touching_chunks_become_one_group_in_reading_order() -> None:
    ranked = [(chunk(7, "a", 3), 0.9), (chunk(1, "b", 0), 0.8), (chunk(6, "a", 2), 0.7), (chunk(9, "a", 9), 0.1)]
    groups = rules.grouped(ranked, MANY)
    assert shown(ranked) == [[6, 7], [1], [9]]
    assert rules.best_score(groups[0]) == 0.9
    assert rules.best_first(groups[0]) == (7, 6)


def test_what_comes_behind_the_results_may_still_belong_to_one() -> None:
    ranked = [(chunk(1, "a", 3), 0.9), (chunk(2, "b"), 0.8), (chunk(3, "c"), 0.7), (chunk(4, "a", 4), 0.6)]
    assert shown(ranked, 2) == [[1, 4], [2]]
    assert shown(ranked, 1) == [[1, 4]]


def test_a_copy_is_none_of_the_results_asked_for() -> None:
    ranked = [(chunk(1, "a", text=LONG), 0.9), (chunk(2, "b", text=LONG), 0.9), (chunk(3, "c"), 0.8)]
    assert shown(ranked, 2) == [[1], [3]]


def test_joined_neighbours_are_the_text_as_it_stands() -> None:
    text = "First part.\n\nSecond part. Third."
    spans = [(0, 11, "\n\n"), (13, 25, " "), (20, 32, "")]  # the last two overlap
    group = [
        (chunk(n, ordinal=n)._replace(start=start, end=end, text=text[start:end], gap=gap if n == 0 else ""), 1.0)
        for n, (start, end, gap) in enumerate(spans)
    ]
    assert rules.joined(group) == text
    assert rules.joined(group[:1]) == "First part."


def test_a_group_stops_growing() -> None:
    ranked = [(chunk(n, "a", n), 1 - n / 100) for n in range(10)]
    groups = rules.grouped(ranked, MANY)
    assert max(map(len, groups)) == rules.MOST_MERGED


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 12)), unique=True))
def test_merging_loses_and_doubles_nothing(places: list[tuple[str, int]]) -> None:
    ranked = [(chunk(number, *place), 1.0 - number / 100) for number, place in enumerate(places)]
    groups = rules.grouped(ranked, MANY)
    assert sorted(item.chunk_id for group in groups for item, _ in group) == list(range(len(places)))
    for group in groups:
        ordinals = [item.ordinal for item, _ in group]
        assert ordinals == list(range(ordinals[0], ordinals[0] + len(ordinals)))
        assert len({item.version_id for item, _ in group}) == 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 12)), unique=True), st.integers(1, 6))
def test_fewer_results_are_the_first_ones(places: list[tuple[str, int]], most: int) -> None:
    ranked = [(chunk(number, *place), 1.0 - number / 100) for number, place in enumerate(places)]
    all_results, first = (rules.grouped(ranked, count) for count in (MANY, most))
    assert [rules.best_first(group)[0] for group in first] == [
        rules.best_first(group)[0] for group in all_results[:most]
    ]


texts = st.sampled_from([LONG, LONG + " more", LONG.replace("word3", "other"), "short", "something else entirely"])
steps = st.sampled_from([0.0, 0.001, 0.05, 0.3])


def copied(one: ConfirmedChunk, other: ConfirmedChunk) -> bool:
    words, others = set(one.text.split()), set(other.text.split())
    return one.document_id != other.document_id and len(words & others) >= 0.9 * len(words | others)


@given(st.lists(st.tuples(st.sampled_from("abc"), texts, steps), max_size=12))
def test_copies_are_those_that_a_comparison_of_all_with_all_finds(given: list[tuple[str, str, float]]) -> None:
    score, ranked = 1.0, []
    for number, (document, text, step) in enumerate(given):
        score -= step * score
        ranked.append((chunk(number, document, 10 * number, text), score))
    kept: list[rules.Ranked] = []
    for item, own in ranked:
        if not any(best - own <= 0.02 * best and copied(item, better) for better, best in kept):
            kept.append((item, own))
    assert shown(ranked) == [[item.chunk_id] for item, _ in kept]


def test_a_document_with_the_best_meaning_and_the_best_words_in_two_chunks_comes_first() -> None:
    chunks = [chunk(1, "both"), chunk(2, "boilerplate"), chunk(3, "a"), chunk(4, "a", 5)]
    fused = Fused({1: 0.7, 2: 0.68, 3: 0.65, 4: 0.6}, {1: 0.5, 2: 0.35, 3: 0.6, 4: 0.3})
    ranked = rules.ranked_together(chunks, fused)
    assert [(item.chunk_id, round(score, 2)) for item, score in ranked] == [(3, 0.9), (1, 0.7), (2, 0.68), (4, 0.6)]


def test_only_the_first_chunks_are_judged_by_document() -> None:
    chunks = [chunk(number, f"d{number}") for number in range(TOGETHER)] + [chunk(99, "d0", 5)]
    scores = {item.chunk_id: 0.9 - place / 100 for place, item in enumerate(chunks)}
    fused = Fused(scores, scores | {99: 0.0})
    assert [item.chunk_id for item, _ in rules.ranked_together(chunks, fused)] == [*range(TOGETHER), 99]
    assert rules.ranked_together(chunks, fused)[0][1] == 0.9


def row(operation: IndexOperation, first: int | None = None, last: int | None = None, version: str = "v") -> OutboxRow:
    return OutboxRow(1, operation, "d", version, first, last)


def test_the_size_of_a_change_is_its_chunks() -> None:
    assert rules.chunks_of(row(IndexOperation.ADD_WORDS), {"v": 7}) == 7
    assert rules.chunks_of(row(IndexOperation.ADD_VECTORS, 5, 9), {}) == 5
    assert rules.chunks_of(row(IndexOperation.REMOVE_VERSION), {"v": 7}) == 0


ranges = st.lists(st.tuples(st.integers(1, 500), st.integers(0, 120)), min_size=1, max_size=12)


@given(ranges)
def test_ranges_hold_every_chunk_of_every_row_and_are_never_too_long(pairs: list[tuple[int, int]]) -> None:
    rows = [
        row(IndexOperation.ADD_VECTORS, first, first + more, f"v{number}") for number, (first, more) in enumerate(pairs)
    ]
    found = rules.vector_ranges(rows, 50)
    held = {
        (chunk, version) for first, last, versions in found for chunk in range(first, last + 1) for version in versions
    }
    assert all(last - first < 50 for first, last, _ in found)
    for number, (first, more) in enumerate(pairs):
        assert {(chunk, f"v{number}") for chunk in range(first, first + more + 1)} <= held
