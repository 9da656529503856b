"""What a search asks and gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class SearchMode(StrEnum):
    HYBRID = "hybrid"
    DENSE = "dense"
    LEXICAL = "lexical"


IN_SQL = "sql"
"""The mode of a search that SQL has answered by words, in the place of the index."""


class IndexOperation(StrEnum):
    """What an outbox row asks of the index."""

    ADD_WORDS = "add_words"
    ADD_VECTORS = "add_vectors"
    REMOVE_VERSION = "remove_version"
    REMOVE_DOCUMENT = "remove_document"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    id: int
    operation: IndexOperation
    document_id: str
    version_id: str | None
    first_chunk_id: int | None
    last_chunk_id: int | None


class ConfirmedChunk(NamedTuple):
    """A chunk of a current version in an allowed collection, with what a result shows of its document."""

    chunk_id: int
    version_id: str
    document_id: str
    collection: str
    name: str
    title: str
    metadata: Mapping[str, str | int | float | bool]
    ordinal: int
    start: int
    end: int
    page: int | None
    page_end: int | None
    headings: Sequence[str]
    text: str
    gap: str  # white space up to the next chunk


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """collection None = every collection the caller may read; metadata = fields that must be equal."""

    query: str
    top_k: int | None = None
    collection: str | None = None
    mode: SearchMode = SearchMode.HYBRID
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    history: tuple[str, ...] = ()  # earlier questions, oldest first: a follow-up is rewritten with them


@dataclass(frozen=True, slots=True)
class Scores:
    """dense: cosine, -1..1, None before the vector exists; lexical: BM25; reranked: 0..1 when a reranker ran."""

    dense: float | None
    lexical: float | None
    fused: float
    reranked: float | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A confirmed result: its document exists, this version is current, the caller may read it.

    `text` is characters start..end of the version's text; `chunk_ids` are the neighbours merged into it, best first.
    """

    document_id: str
    version_id: str
    collection: str
    chunk_ids: tuple[int, ...]
    title: str
    name: str
    text: str
    page: int | None
    page_end: int | None
    headings: tuple[str, ...]
    start: int
    end: int
    metadata: Mapping[str, str | int | float | bool]
    scores: Scores

    @property
    def score(self) -> float:
        return self.scores.fused if self.scores.reranked is None else self.scores.reranked


@dataclass(frozen=True, slots=True)
class SearchResult:
    """hits best first; timings in milliseconds by stage; `queries` = what was searched for after transforms."""

    hits: tuple[Hit, ...]
    queries: tuple[str, ...]
    timings_ms: Mapping[str, float]
    notes: tuple[str, ...] = ()  # what was left out and why, e.g. a transform that failed
    mode: str = SearchMode.HYBRID.value  # what was searched by in the end; IN_SQL: words, while the index is away
    without_reranking: bool = False  # a reranker is set up, and has not judged these hits
    cached_seconds: float | None = None  # how long ago it was found; None: it was found for this request


@dataclass(frozen=True, slots=True)
class Scope:
    """What a search sees: two searches of one scope see the same, whoever asks.

    collection_ids: all that the caller may read of what is asked for. version: of the documents, a new one after every
    change that a search could notice. generation: of the index.
    """

    collection_ids: frozenset[str]
    version: str
    generation: str
