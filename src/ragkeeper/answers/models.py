"""One question, and one answer that says how it was made."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ragkeeper.generation.models import Answer
from ragkeeper.retrieval.models import Hit, SearchMode


class AnswerMode(StrEnum):
    """Which step of the declared degradation produced an answer, best first."""

    FULL = "full"
    WITHOUT_RERANKING = "without_reranking"
    FALLBACK_MODEL = "fallback_model"
    EXTRACTIVE = "extractive"
    SEARCH_ONLY = "search_only"

    @property
    def rank(self) -> int:
        return list(AnswerMode).index(self)


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier message of the conversation; role is user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Question:
    """timeout: seconds a streamed answer may take; None = the server's limit, which also is the most."""

    text: str
    collection: str | None = None
    top_k: int | None = None
    mode: SearchMode = SearchMode.HYBRID
    history: tuple[Turn, ...] = ()
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class AnswerResult:
    """sources: the confirmed hits the answer was made from; notes: what was left out on the way and why.

    search_mode: what these were searched by, see `SearchResult.mode`.

    cached_seconds: how long ago it was made; None: it was made for this question.
    """

    answer: Answer
    mode: AnswerMode
    model: str | None
    sources: tuple[Hit, ...]
    notes: tuple[str, ...]
    timings_ms: Mapping[str, float]
    cached_seconds: float | None = None
    search_mode: str = SearchMode.HYBRID.value


@dataclass(frozen=True, slots=True)
class Progress:
    """What is being done now: searching, or generating with which model."""

    stage: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Token:
    text: str


@dataclass(frozen=True, slots=True)
class Done:
    result: AnswerResult


AnswerEvent = Progress | Sources | Token | Done
"""What a streamed answer sends: progress, sources, tokens, and at the end exactly one Done, unless it raises."""
