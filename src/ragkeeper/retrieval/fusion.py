"""Merge the two engines' opinions of one set of candidates. Pure arithmetic."""

from collections.abc import Mapping, Sequence

from ragkeeper.storage.vectors.port import Candidate

# The constant of reciprocal rank fusion, from Cormack, Clarke and Büttcher (SIGIR 2009).
_RRF_K = 60


def weighted(candidates: Sequence[Candidate], dense_weight: float) -> dict[int, float]:
    """Chunk id → dense_weight * cosine + (1 - dense_weight) * BM25 / the query's best BM25.

    Both scores are known for every candidate, so a chunk that one engine ranked low is not treated as if the engine
    had never seen it. A chunk whose vector does not exist yet is judged by its words alone.
    """
    best = max((candidate.lexical or 0.0 for candidate in candidates), default=0.0)
    return {candidate.chunk_id: _weigh(candidate, dense_weight, best) for candidate in candidates}


def _weigh(candidate: Candidate, dense_weight: float, best: float) -> float:
    words = (candidate.lexical or 0.0) / best if best > 0 else 0.0
    if candidate.dense is None:
        return (1 - dense_weight) * words
    return dense_weight * candidate.dense + (1 - dense_weight) * words


def reciprocal_rank(candidates: Sequence[Candidate]) -> dict[int, float]:
    """Chunk id → sum over both engines of 1 / (60 + rank); the option that needs no weight."""
    fused = {candidate.chunk_id: 0.0 for candidate in candidates}
    dense = {c.chunk_id: c.dense for c in candidates if c.dense is not None}
    lexical = {c.chunk_id: c.lexical for c in candidates if c.lexical}
    for scores in (dense, lexical):
        for rank, chunk_id in enumerate(ranked(scores), start=1):
            fused[chunk_id] += 1 / (_RRF_K + rank)
    return fused


def single(candidates: Sequence[Candidate], *, dense: bool) -> dict[int, float]:
    """Chunk id → the one engine's score, without the chunks that it did not find."""
    if dense:
        return {c.chunk_id: c.dense for c in candidates if c.dense is not None}
    return {c.chunk_id: c.lexical for c in candidates if c.lexical}


def ranked(scores: Mapping[int, float]) -> list[int]:
    """Chunk ids, best first; equal scores by id, so that an answer can be reproduced."""
    return sorted(scores, key=lambda chunk_id: (-scores[chunk_id], chunk_id))
