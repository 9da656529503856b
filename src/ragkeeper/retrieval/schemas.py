"""What crosses HTTP about searches."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from ragkeeper.documents.schemas import Metadata
from ragkeeper.retrieval.models import Hit, SearchMode, SearchRequest, SearchResult


class SearchBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    query: str
    top_k: int | None = Field(None, ge=1, le=200)
    collection: str | None = None
    mode: SearchMode = SearchMode.HYBRID
    metadata: Metadata = Field(default_factory=dict)

    def request(self) -> SearchRequest:
        return SearchRequest(self.query, self.top_k, self.collection, self.mode, self.metadata)


class ScoresView(BaseModel):
    """dense: cosine; lexical: BM25; fused: what hybrid ranks by; reranked: 0..1. Null where an engine did not run."""

    dense: float | None
    lexical: float | None
    fused: float
    reranked: float | None


class HitView(BaseModel):
    document_id: str
    version: str
    collection: str
    chunk_id: int
    chunk_ids: list[int]
    title: str
    name: str
    text: str
    page: int | None
    page_end: int | None
    headings: list[str]
    start: int
    end: int
    metadata: dict[str, str | int | float | bool]
    score: float
    scores: ScoresView

    @classmethod
    def of(cls, hit: Hit) -> Self:
        scores = hit.scores
        return cls(
            document_id=hit.document_id,
            version=hit.version_id,
            collection=hit.collection,
            chunk_id=hit.chunk_ids[0],
            chunk_ids=list(hit.chunk_ids),
            title=hit.title,
            name=hit.name,
            text=hit.text,
            page=hit.page,
            page_end=hit.page_end,
            headings=list(hit.headings),
            start=hit.start,
            end=hit.end,
            metadata=dict(hit.metadata),
            score=hit.score,
            scores=ScoresView(dense=scores.dense, lexical=scores.lexical, fused=scores.fused, reranked=scores.reranked),
        )


class SearchView(BaseModel):
    """`mode`: what was searched by: hybrid, dense, lexical, or `sql`, by words in SQL while the index is away.

    `cached`: found for an equal search `cached_seconds` ago; a search now would find the same.
    """

    results: list[HitView]
    mode: str
    queries: list[str]
    notes: list[str]
    timings_ms: dict[str, float]
    cached: bool
    cached_seconds: float | None

    @classmethod
    def of(cls, result: SearchResult) -> Self:
        return cls(
            results=[HitView.of(hit) for hit in result.hits],
            mode=result.mode,
            queries=list(result.queries),
            notes=list(result.notes),
            timings_ms=dict(result.timings_ms),
            cached=result.cached_seconds is not None,
            cached_seconds=result.cached_seconds,
        )
