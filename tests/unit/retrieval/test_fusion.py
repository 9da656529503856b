from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.retrieval import fusion
from ragkeeper.retrieval.fusion import Fused
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
    assert found.scores == pytest.approx({1: 0.7 * 0.5 + 0.3, 2: 0.63, 3: 0.07 + 0.15})
    assert found.meaning == pytest.approx({1: 0.35, 2: 0.63, 3: 0.07})


def test_a_chunk_without_a_vector_is_judged_by_its_words() -> None:
    assert fusion.weighted([Candidate(1, None, 8.0)], 0.7).scores == pytest.approx({1: 0.3})


def test_no_word_in_common_leaves_the_vectors() -> None:
    assert fusion.weighted([Candidate(1, 0.4, 0.0)], 0.7).scores == pytest.approx({1: 0.28})


def test_reciprocal_rank_ignores_what_an_engine_did_not_find() -> None:
    found = fusion.reciprocal_rank([Candidate(1, 0.9, 0.0), Candidate(2, 0.8, 5.0)])
    assert found.scores == pytest.approx({1: 1 / 61, 2: 1 / 62 + 1 / 61})


def test_several_queries_count_by_the_best() -> None:
    rounds = [Fused({1: 0.2, 2: 0.5}, {1: 0.1, 2: 0.3}), Fused({1: 0.7}, {1: 0.6})]
    assert fusion.combined(rounds) == Fused({1: 0.7, 2: 0.5}, {1: 0.6, 2: 0.3})
    assert fusion.combined(rounds[:1]) == rounds[0]


def test_one_engine_alone() -> None:
    given_candidates = [Candidate(1, 0.9, 0.0), Candidate(2, None, 5.0)]
    assert fusion.single(given_candidates, dense=True).scores == {1: 0.9}
    assert fusion.single(given_candidates, dense=False).scores == {2: 5.0}


def test_a_documents_best_chunk_has_its_best_meaning_and_its_best_words() -> None:
    fused = Fused({3: 0.6, 1: 0.5, 2: 0.4}, {1: 0.5, 2: 0.2, 3: 0.3})
    assert fusion.by_document(fused, {3: "b", 1: "a", 2: "a"}) == pytest.approx({1: 0.7, 2: 0.4, 3: 0.6})


def test_one_engine_alone_knows_no_better_score_of_a_document() -> None:
    fused = fusion.single([Candidate(1, 0.9, None), Candidate(2, 0.5, None)], dense=True)
    assert fusion.by_document(fused, {1: "a", 2: "a"}) == {1: 0.9, 2: 0.5}


@given(candidates, st.floats(0, 1))
def test_judging_by_document_lowers_nothing_and_raises_one_chunk_of_each(found: list[Candidate], weight: float) -> None:
    fused = fusion.weighted(found, weight)
    documents = {chunk_id: str(chunk_id % 3) for chunk_id in fusion.ranked(fused.scores)}
    scores = fusion.by_document(fused, documents)
    raised = [chunk_id for chunk_id in scores if scores[chunk_id] > fused.scores[chunk_id] + 1e-9]
    assert all(scores[chunk_id] >= fused.scores[chunk_id] - 1e-9 for chunk_id in scores)
    assert len({documents[chunk_id] for chunk_id in raised}) == len(raised)


@given(candidates, st.floats(0, 1))
def test_every_candidate_is_ranked_once_and_best_first(found: list[Candidate], weight: float) -> None:
    for scores in (fusion.weighted(found, weight).scores, fusion.reciprocal_rank(found).scores):
        order = fusion.ranked(scores)
        assert sorted(order) == sorted(candidate.chunk_id for candidate in found)
        assert all(scores[first] >= scores[second] for first, second in pairwise(order))


@given(candidates)
def test_a_better_chunk_in_both_engines_never_ranks_lower(found: list[Candidate]) -> None:
    full = [c for c in found if c.dense is not None and c.lexical is not None]
    scores = fusion.weighted(full, 0.7).scores
    for one in full:
        for other in full:
            if one.dense >= other.dense and one.lexical >= other.lexical:  # type: ignore[operator]
                assert scores[one.chunk_id] >= scores[other.chunk_id] - 1e-9
