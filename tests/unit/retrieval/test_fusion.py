from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.retrieval import fusion
from ragkeeper.storage.vectors.port import Candidate

candidates = st.lists(
    st.builds(
        Candidate,
        chunk_id=st.integers(1, 50),
        dense=st.none() | st.floats(-1, 1),
        lexical=st.none() | st.floats(0, 40),
    ),
    unique_by=lambda candidate: candidate.chunk_id,
)


def test_both_scores_count_by_their_weight() -> None:
    found = fusion.weighted([Candidate(1, 0.5, 10.0), Candidate(2, 0.9, 0.0), Candidate(3, 0.1, 5.0)], 0.7)
    assert found == pytest.approx({1: 0.7 * 0.5 + 0.3, 2: 0.63, 3: 0.07 + 0.15})


def test_a_chunk_without_a_vector_is_judged_by_its_words() -> None:
    assert fusion.weighted([Candidate(1, None, 8.0)], 0.7) == pytest.approx({1: 0.3})


def test_no_word_in_common_leaves_the_vectors() -> None:
    assert fusion.weighted([Candidate(1, 0.4, 0.0)], 0.7) == pytest.approx({1: 0.28})


def test_reciprocal_rank_ignores_what_an_engine_did_not_find() -> None:
    found = fusion.reciprocal_rank([Candidate(1, 0.9, 0.0), Candidate(2, 0.8, 5.0)])
    assert found == pytest.approx({1: 1 / 61, 2: 1 / 62 + 1 / 61})


def test_one_engine_alone() -> None:
    given_candidates = [Candidate(1, 0.9, 0.0), Candidate(2, None, 5.0)]
    assert fusion.single(given_candidates, dense=True) == {1: 0.9}
    assert fusion.single(given_candidates, dense=False) == {2: 5.0}


@given(candidates, st.floats(0, 1))
def test_every_candidate_is_ranked_once_and_best_first(found: list[Candidate], weight: float) -> None:
    for scores in (fusion.weighted(found, weight), fusion.reciprocal_rank(found)):
        order = fusion.ranked(scores)
        assert sorted(order) == sorted(candidate.chunk_id for candidate in found)
        assert all(scores[first] >= scores[second] for first, second in pairwise(order))


@given(candidates)
def test_a_better_chunk_in_both_engines_never_ranks_lower(found: list[Candidate]) -> None:
    full = [c for c in found if c.dense is not None and c.lexical is not None]
    scores = fusion.weighted(full, 0.7)
    for one in full:
        for other in full:
            if one.dense >= other.dense and one.lexical >= other.lexical:  # type: ignore[operator]
                assert scores[one.chunk_id] >= scores[other.chunk_id] - 1e-9
