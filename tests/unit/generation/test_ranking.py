import numpy as np

from ragkeeper.generation.features import WORD_FEATURES, Candidate
from ragkeeper.generation.ranking import Ranked, choose, rank_by_words, shortlist


def _candidate(place: int, *keys: str) -> Candidate:
    return Candidate(passage=0, place=place, start=place, end=place + 1, text="x", keys=keys)


def _ranked(*beliefs: float) -> list[Ranked]:
    return [Ranked(_candidate(n, f"k{n}"), belief, None) for n, belief in enumerate(beliefs)]


def test_beliefs_are_shares_best_first() -> None:
    features = np.zeros((3, len(WORD_FEATURES)), np.float32)
    features[1, WORD_FEATURES.index("coverage")] = 1
    ranked = rank_by_words(features, [_candidate(n) for n in range(3)])
    assert ranked[0].candidate.place == 1
    assert abs(sum(item.belief for item in ranked) - 1) < 1e-6


def test_shortlist_keeps_the_order_of_the_text() -> None:
    features = np.zeros((4, len(WORD_FEATURES)), np.float32)
    features[[3, 1], WORD_FEATURES.index("coverage")] = 1
    assert shortlist(features, 2) == [1, 3]


def test_weak_sentences_and_repetitions_are_left_out() -> None:
    assert len(choose(_ranked(0.6, 0.3, 0.001), 3, 0.02)) == 2
    same = [Ranked(_candidate(n, "a", "b", "c"), 0.5, None) for n in range(2)]
    assert len(choose(same, 3, 0.02)) == 1
    assert choose([], 3, 0.02) == []
