"""What crosses HTTP about answers."""

from typing import Any, Self

from pydantic import BaseModel

from ragkeeper.answers.models import AnswerResult
from ragkeeper.generation.models import Citation, Passage
from ragkeeper.retrieval.models import Hit


class CitationView(BaseModel):
    """`quote` is characters start..end of the document's text; `support`: 0..1, how well it carries the sentence."""

    marker: int
    document_id: str
    version: str
    title: str
    page: int | None
    start: int
    end: int
    quote: str
    support: float

    @classmethod
    def of(cls, citation: Citation) -> Self:
        return cls(
            marker=citation.marker,
            document_id=citation.document_id,
            version=citation.version_id,
            title=citation.title,
            page=citation.page,
            start=citation.start,
            end=citation.end,
            quote=citation.quote,
            support=round(citation.support, 4),
        )


class SentenceView(BaseModel):
    """A sentence of the answer with the markers of its citations; unsupported ones are flagged."""

    text: str
    markers: list[int]
    supported: bool


class HintView(BaseModel):
    """A passage near the question, shown with a refusal."""

    document_id: str
    title: str
    page: int | None
    text: str

    @classmethod
    def of(cls, passage: Passage) -> Self:
        return cls(document_id=passage.document_id, title=passage.title, page=passage.page, text=passage.text)


class SourceView(BaseModel):
    """A passage the answer was made from, under the number that markers use."""

    marker: int
    document_id: str
    title: str
    page: int | None
    start: int
    end: int
    score: float

    @classmethod
    def of(cls, marker: int, hit: Hit) -> Self:
        return cls(
            marker=marker,
            document_id=hit.document_id,
            title=hit.title,
            page=hit.page,
            start=hit.start,
            end=hit.end,
            score=hit.score,
        )


class AnswerView(BaseModel):
    """`mode`: which degradation step answered; `search_mode`: what was searched by, as searches say it.

    `refused`: nothing in the documents supports an answer.

    `cached`: it was made for an equal question `cached_seconds` ago, and everything it was made from still stands.
    """

    answer: str
    citations: list[CitationView]
    sentences: list[SentenceView]
    refused: bool
    confidence: float
    hints: list[HintView]
    mode: str
    search_mode: str
    model: str | None
    notes: list[str]
    timings_ms: dict[str, float]
    cached: bool
    cached_seconds: float | None

    @classmethod
    def fields_of(cls, result: AnswerResult) -> dict[str, Any]:
        answer = result.answer
        return {
            "answer": answer.text,
            "citations": [CitationView.of(citation) for citation in answer.citations],
            "sentences": [
                SentenceView(
                    text=sentence.text,
                    markers=sorted({citation.marker for citation in sentence.citations}),
                    supported=sentence.supported,
                )
                for sentence in answer.sentences
            ],
            "refused": answer.refused,
            "confidence": round(answer.confidence, 4),
            "hints": [HintView.of(passage) for passage in answer.hints],
            "mode": result.mode.value,
            "search_mode": result.search_mode,
            "model": result.model,
            "notes": list(result.notes),
            "timings_ms": dict(result.timings_ms),
            "cached": result.cached_seconds is not None,
            "cached_seconds": result.cached_seconds,
        }


def source_views(hits: tuple[Hit, ...]) -> list[SourceView]:
    return [SourceView.of(marker, hit) for marker, hit in enumerate(hits, start=1)]
