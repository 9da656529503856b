"""What ragkeeper asks of a search index.

The index is derived data: it holds no text that can be read back, and everything in it can be put again from SQL. Every
write may be repeated without harm. Nothing is durable until `flush` has returned.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

MetadataValue = str | int | float | bool
"""What a metadata field may hold; a float that is not finite cannot be searched for."""


@dataclass(frozen=True, slots=True)
class WordsEntry:
    """A chunk as BM25 sees it: `text` is the chunk together with its title and headings."""

    chunk_id: int
    version_id: str
    document_id: str
    collection_id: str
    text: str
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VectorEntry:
    """The dense vector of a chunk: shape (dimension,), any length above 0 (only its direction counts)."""

    chunk_id: int
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class IndexFilter:
    """Where a search may look. All conditions must hold.

    `collection_ids` is the access filter: an empty set matches nothing, and so does an empty set of documents.
    A metadata condition holds for an equal value of the same kind (text, number, yes/no); another kind never matches.
    """

    collection_ids: frozenset[str]
    document_ids: frozenset[str] | None = None
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)

    @property
    def matches_nothing(self) -> bool:
        return not self.collection_ids or self.document_ids == frozenset()


@dataclass(frozen=True, slots=True)
class IndexQuery:
    """One question to one or both engines; `limit` is the number of candidates that each engine contributes.

    model: what made the vector, for whoever holds indexes of several models; an index of one does not ask.
    """

    text: str | None
    vector: NDArray[np.float32] | None
    where: IndexFilter
    limit: int
    model: str = ""


class Candidate(NamedTuple):
    """A chunk and both of its scores.

    `dense` is the cosine in -1..1, None when the chunk has no vector yet or the query had none. `lexical` is the BM25
    score, 0.0 when chunk and query share no word, None when the query had no text.
    """

    chunk_id: int
    dense: float | None
    lexical: float | None


@dataclass(frozen=True, slots=True)
class IndexCounts:
    points: int
    with_vectors: int


class VectorIndex(Protocol):
    """The port. Errors: those of `storage.vectors.errors`."""

    async def put_words(self, entries: Sequence[WordsEntry]) -> None:
        """Add chunks, or replace their words and fields; a vector that is already there stays."""

    async def put_vectors(self, entries: Sequence[VectorEntry]) -> None:
        """Give chunks their dense vector. Unknown chunks are passed over: there is never a point without words."""

    async def remove_versions(self, version_ids: Collection[str]) -> None:
        """Remove every chunk of these versions; no ids, no change."""

    async def remove_documents(self, document_ids: Collection[str]) -> None:
        """Remove every chunk of these documents; no ids, no change."""

    async def search(self, query: IndexQuery) -> list[Candidate]:
        """The best `limit` of each engine under the filter, in no promised order, every one with both scores."""

    async def count(self) -> IndexCounts: ...

    async def chunk_ids(self, after: int, limit: int) -> list[tuple[int, str]]:
        """(chunk id, version id) of chunks above `after`, ascending: the reconciler's view."""

    async def vector_ids(self, after: int, limit: int) -> list[int]:
        """Ids above `after`, ascending, of chunks that have their vector."""

    async def flush(self) -> None:
        """Return when every write that came before survives a loss of power."""

    async def optimize(self, *, force: bool = False) -> bool:
        """Make searches fast again after many writes; False, at once, when there is too little to gain.

        `force` optimizes whatever has not been. Searches and writes go on meanwhile. Takes minutes on a large index.
        """

    async def snapshot(self, target: Path) -> None:
        """Write a consistent copy that `open` can load to `target`, a folder that does not exist yet."""

    async def clear(self) -> None:
        """Remove every chunk, at once or not at all."""

    async def close(self) -> None:
        """Flush and let go of the files. The second call does nothing."""
