"""Which sentences answer best: features times weights, in two stages."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragkeeper.generation.features import FEATURES, WORD_FEATURES, Candidate, Matrix, with_cosines
from ragkeeper.generation.weights import SENTENCE_WEIGHTS, WORD_WEIGHTS

_WORD_WEIGHTS = np.array([WORD_WEIGHTS[name] for name in WORD_FEATURES], dtype=np.float32)
_SENTENCE_WEIGHTS = np.array([SENTENCE_WEIGHTS[name] for name in FEATURES], dtype=np.float32)
# Two sentences that share this much of their words say the same: a header repeated, an abstract quoted in the text.
_SAME = 0.8


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate, the share of belief (0..1, all together 1) that it is the one, and its cosine if it was embedded."""

    candidate: Candidate
    belief: float
    cosine: float | None


def shortlist(features: Matrix, most: int) -> list[int]:
    """Rows of (candidates, WORD_FEATURES), in their order, that are worth embedding."""
    return sorted(np.argsort(-(features @ _WORD_WEIGHTS), kind="stable")[:most].tolist())


def rank_by_words(features: Matrix, candidates: Sequence[Candidate]) -> list[Ranked]:
    """Best first, without any embedding."""
    return _ranked(features @ _WORD_WEIGHTS, candidates, None)


def rank(features: Matrix, candidates: Sequence[Candidate], cosines: NDArray[np.float32]) -> list[Ranked]:
    """Best first."""
    return _ranked(with_cosines(features, candidates, cosines) @ _SENTENCE_WEIGHTS, candidates, cosines)


def choose(ranked: Sequence[Ranked], most: int, least_share: float) -> list[Ranked]:
    """The best sentences, none that repeats a better one or has less than `least_share` of the best one's belief."""
    chosen: list[Ranked] = []
    for item in ranked:
        if len(chosen) == most or item.belief < least_share * ranked[0].belief:
            break
        if not any(_says_the_same(item.candidate, other.candidate) for other in chosen):
            chosen.append(item)
    return chosen


def _ranked(
    scores: NDArray[np.float32], candidates: Sequence[Candidate], cosines: NDArray[np.float32] | None
) -> list[Ranked]:
    shares = np.exp(scores - scores.max(initial=-np.inf))
    beliefs = shares / shares.sum()
    order = np.argsort(-scores, kind="stable").tolist()
    return [Ranked(candidates[at], float(beliefs[at]), None if cosines is None else float(cosines[at])) for at in order]


def _says_the_same(one: Candidate, other: Candidate) -> bool:
    mine, theirs = set(one.keys), set(other.keys)
    shared = len(mine & theirs)
    return shared >= _SAME * max(len(mine), len(theirs), 1)
