"""A search index in memory: exact, slow, and simple enough to be right. For tests."""

import asyncio
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ragkeeper.storage.vectors.errors import VectorUnusable
from ragkeeper.storage.vectors.metadata import tag, tags
from ragkeeper.storage.vectors.port import (
    Candidate,
    IndexCounts,
    IndexFilter,
    IndexQuery,
    VectorEntry,
    WordsEntry,
)

_K: Final = 1.2
_B: Final = 0.75


class FakeIndex:
    """Implements `port.VectorIndex`; nothing is durable but snapshots."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._words: dict[int, WordsEntry] = {}
        self._vectors: dict[int, NDArray[np.float32]] = {}
        self._unoptimized = 0

    @classmethod
    def from_snapshot(cls, path: Path, dimension: int) -> "FakeIndex":
        stored = json.loads(path.read_text())
        index = cls(dimension)
        index._words = {entry["chunk_id"]: WordsEntry(**entry) for entry in stored["words"]}
        index._vectors = {int(one): np.array(vector, np.float32) for one, vector in stored["vectors"].items()}
        return index

    async def put_words(self, entries: Sequence[WordsEntry]) -> None:
        self._words.update({entry.chunk_id: replace(entry, metadata=dict(entry.metadata)) for entry in entries})

    async def put_vectors(self, entries: Sequence[VectorEntry]) -> None:
        for entry in entries:
            self._check(entry.vector)
        known = [entry for entry in entries if entry.chunk_id in self._words]
        self._vectors.update({entry.chunk_id: _direction(entry.vector) for entry in known})
        self._unoptimized += len(known)

    async def remove_versions(self, version_ids: Collection[str]) -> None:
        self._keep(lambda entry: entry.version_id not in version_ids)

    async def remove_documents(self, document_ids: Collection[str]) -> None:
        self._keep(lambda entry: entry.document_id not in document_ids)

    async def search(self, query: IndexQuery) -> list[Candidate]:
        if query.vector is not None:
            self._check(query.vector)
        allowed = [one for one, entry in self._words.items() if _matches(query.where, entry)]
        dense = self._cosines(query.vector, allowed)
        lexical = self._bm25(query.text or "", allowed)
        found = {*_best(dense, query.limit), *_best(lexical, query.limit)}
        without_words = None if query.text is None else 0.0
        return [Candidate(one, dense.get(one), lexical.get(one, without_words)) for one in found]

    async def count(self) -> IndexCounts:
        return IndexCounts(points=len(self._words), with_vectors=len(self._vectors))

    async def chunk_ids(self, after: int, limit: int) -> list[tuple[int, str]]:
        following = sorted(one for one in self._words if one > after)
        return [(one, self._words[one].version_id) for one in following[:limit]]

    async def vector_ids(self, after: int, limit: int) -> list[int]:
        return sorted(one for one in self._vectors if one > after)[:limit]

    async def flush(self) -> None:
        """Nothing to do: memory survives nothing."""

    async def optimize(self, *, force: bool = False) -> bool:
        if not force or not self._unoptimized:
            return False
        self._unoptimized = 0
        return True

    async def snapshot(self, target: Path) -> None:
        vectors = {one: vector.tolist() for one, vector in self._vectors.items()}
        words = [asdict(entry) for entry in self._words.values()]
        await asyncio.to_thread(target.write_text, json.dumps({"words": words, "vectors": vectors}))

    async def clear(self) -> None:
        self._words, self._vectors = {}, {}

    async def close(self) -> None:
        """Nothing to let go of."""

    def _keep(self, wanted: Callable[[WordsEntry], bool]) -> None:
        self._words = {one: entry for one, entry in self._words.items() if wanted(entry)}
        self._vectors = {one: vector for one, vector in self._vectors.items() if one in self._words}

    def _check(self, vector: NDArray[np.float32]) -> None:
        if vector.shape != (self._dimension,) or not np.isfinite(vector).all():
            raise VectorUnusable(dimension=self._dimension, reason="wrong shape or not finite")

    def _cosines(self, vector: NDArray[np.float32] | None, allowed: Sequence[int]) -> dict[int, float]:
        if vector is None:
            return {}
        wanted = _direction(vector)
        return {one: float(self._vectors[one] @ wanted) for one in allowed if one in self._vectors}

    def _bm25(self, text: str, allowed: Sequence[int]) -> dict[int, float]:
        """Scores above 0 of the allowed chunks; word statistics over all chunks."""
        terms = {one: Counter(_terms(entry.text)) for one, entry in self._words.items()}
        average = sum(counts.total() for counts in terms.values()) / max(len(terms), 1)
        scores: dict[int, float] = {}
        for term in set(_terms(text)):
            holders = [one for one, counts in terms.items() if term in counts]
            idf = math.log(1 + (len(terms) - len(holders) + 0.5) / (len(holders) + 0.5))
            for one in holders:
                count, length = terms[one][term], terms[one].total()
                scores[one] = scores.get(one, 0.0) + idf * count * (_K + 1) / (
                    count + _K * (1 - _B + _B * length / average)
                )
        return {one: scores[one] for one in allowed if one in scores}


def _terms(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _direction(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    length = float(np.linalg.norm(vector))
    return vector / np.float32(length) if length else vector.copy()


def _matches(where: IndexFilter, entry: WordsEntry) -> bool:
    in_documents = where.document_ids is None or entry.document_id in where.document_ids
    has_fields = all(tag(name, value) in tags(entry.metadata) for name, value in where.metadata.items())
    return entry.collection_id in where.collection_ids and in_documents and has_fields


def _best(scores: Mapping[int, float], limit: int) -> list[int]:
    return sorted(scores, key=lambda one: (-scores[one], one))[: max(limit, 0)]
