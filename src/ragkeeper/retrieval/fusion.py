"""Merge the two engines' opinions of one set of candidates. Pure arithmetic."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ragkeeper.storage.vectors.port import Candidate

TOGETHER = 30
"""The best chunks that are judged by document: with more, no figure changes by .01 (docs/decisions/0006)."""

# The constant of reciprocal rank fusion, from Cormack, Clarke and Büttcher (SIGIR 2009).
_RRF_K = 60


@dataclass(frozen=True, slots=True)
class Fused:
    """Chunk id → score, and chunk id → what meaning adds to it; the rest of the score comes from words."""

    scores: Mapping[int, float]
    meaning: Mapping[int, float]


def weighted(candidates: Sequence[Candidate], dense_weight: float) -> Fused:
    """dense_weight * cosine + (1 - dense_weight) * BM25 / the query's best BM25.

    Both scores are known for every candidate, so a chunk that one engine ranked low is not treated as if the engine
    had never seen it. A chunk whose vector does not exist yet is judged by its words alone.
    """
    best = max((lexical or 0.0 for _, _, lexical in candidates), default=0.0) or 1.0
    share = 1 - dense_weight
    meaning = {chunk_id: dense_weight * (dense or 0.0) for chunk_id, dense, _ in candidates}
    return Fused({one: meaning[one] + share * ((lexical or 0.0) / best) for one, _, lexical in candidates}, meaning)


def reciprocal_rank(candidates: Sequence[Candidate]) -> Fused:
    """The sum over both engines of 1 / (60 + rank); the option that needs no weight."""
    dense = _reciprocals({c.chunk_id: c.dense for c in candidates if c.dense is not None})
    lexical = _reciprocals({c.chunk_id: c.lexical for c in candidates if c.lexical})
    ids = [candidate.chunk_id for candidate in candidates]
    meaning = {chunk_id: dense.get(chunk_id, 0.0) for chunk_id in ids}
    return Fused({chunk_id: meaning[chunk_id] + lexical.get(chunk_id, 0.0) for chunk_id in ids}, meaning)


def _reciprocals(scores: Mapping[int, float]) -> dict[int, float]:
    return {chunk_id: 1 / (_RRF_K + rank) for rank, chunk_id in enumerate(ranked(scores), start=1)}


def single(candidates: Sequence[Candidate], *, dense: bool) -> Fused:
    """The one engine's score, without the chunks that it did not find."""
    if dense:
        found = {c.chunk_id: c.dense for c in candidates if c.dense is not None}
        return Fused(found, found)
    words = {c.chunk_id: c.lexical for c in candidates if c.lexical}
    return Fused(words, dict.fromkeys(words, 0.0))


def combined(rounds: Sequence[Fused]) -> Fused:
    """Several queries for one question: a chunk counts as much as its best query says."""
    if len(rounds) == 1:
        return rounds[0]
    scores: dict[int, float] = {}
    meaning: dict[int, float] = {}
    for one in rounds:
        for chunk_id, score in one.scores.items():
            if score > scores.get(chunk_id, -math.inf):
                scores[chunk_id], meaning[chunk_id] = score, one.meaning[chunk_id]
    return Fused(scores, meaning)


def by_document(fused: Fused, document_of: Mapping[int, str]) -> dict[int, float]:
    """Chunk id → score of the chunks in `document_of`, which come best first.

    The best chunk of each document has the document's score: its best meaning and its best words. The passage that
    means what is asked and the one that says it in the same words are often two of one document, and neither is the
    best by both. The other chunks keep their own score; none gets a lower one.
    """
    scores = {chunk_id: fused.scores[chunk_id] for chunk_id in document_of}
    best: dict[str, int] = {}
    parts: dict[str, tuple[float, float]] = {}
    for chunk_id, document in document_of.items():
        meaning = fused.meaning[chunk_id]
        words = scores[chunk_id] - meaning
        if document not in best:
            best[document], parts[document] = chunk_id, (meaning, words)
            continue
        parts[document] = max(parts[document][0], meaning), max(parts[document][1], words)
        scores[best[document]] = sum(parts[document])
    return scores


def ranked(scores: Mapping[int, float]) -> list[int]:
    """Chunk ids, best first; equal scores by id, so that an answer can be reproduced."""
    return sorted(sorted(scores), key=scores.__getitem__, reverse=True)
