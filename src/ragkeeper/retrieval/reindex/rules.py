"""Decisions about a new index and a change of the embedding model."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ragkeeper.retrieval.reindex.models import Comparison, EmbeddingChoice, Gate

_MEGABYTE = 1_000_000
# A chunk of 384 numbers takes about 4 kB: vector, int8 code, graph, words, payload.
_BYTES_OF_CHUNK = 2_500
_BYTES_OF_NUMBER = 6
_STORED_BYTES_OF_NUMBER = 2
_WHILE_OPTIMIZING = 2
_TEN = 10


def chosen(setting: str, choice: EmbeddingChoice | None) -> EmbeddingChoice:
    """What serves: the choice as long as the environment says what it said when it was made, else the environment."""
    return choice if choice is not None and choice.setting == setting else EmbeddingChoice(setting, setting)


def switched(choice: EmbeddingChoice, serving: str) -> EmbeddingChoice:
    """Another embedder serves, and the one that served is kept."""
    return replace(choice, serving=serving, other=choice.serving)


def needed_mb(chunks: int, dimension: int, to_embed: int = 0) -> float:
    """Room for a second index while it is made, and for new vectors in SQL."""
    index = chunks * (_BYTES_OF_CHUNK + dimension * _BYTES_OF_NUMBER) * _WHILE_OPTIMIZING
    return (index + to_embed * dimension * _STORED_BYTES_OF_NUMBER) / _MEGABYTE


def refusal(comparison: Comparison, gate: Gate) -> str | None:
    """Why the other model may not serve; judged questions count more than mere likeness."""
    before, after = comparison.ndcg_before, comparison.ndcg_after
    if gate.force:
        return None
    if before is not None and after is not None:
        if before - after > gate.max_ndcg_loss:
            return f"nDCG@10 falls from {before:.3f} to {after:.3f}, by more than {gate.max_ndcg_loss:g}"
        return None
    if comparison.questions and comparison.overlap < gate.min_overlap:
        return f"overlap@10 is {comparison.overlap:.2f}, below {gate.min_overlap:g}"
    return None


def overlap(one: Sequence[int], other: Sequence[int]) -> float:
    """Share of the ten best that both have; 1 where neither found anything."""
    first, second = set(one[:_TEN]), set(other[:_TEN])
    return len(first & second) / max(len(first), len(second)) if first or second else 1.0


def ndcg(ranked: Sequence[str], grades: Mapping[str, int]) -> float:
    """nDCG@10 with linear gains, the ideal being the ten best grades."""
    ideal = _gain(sorted(grades.values(), reverse=True))
    return _gain([grades.get(name, 0) for name in ranked]) / ideal if ideal else 0.0


def _gain(grades: Sequence[int]) -> float:
    return sum(grade / math.log2(place + 2) for place, grade in enumerate(grades[:_TEN]))
