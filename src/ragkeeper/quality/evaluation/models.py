"""Sets of judged questions, and what came of asking them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

Ranking = list[str]
"""Corpus ids, best first, each once."""

Grades = Mapping[str, int]
"""Corpus id to judged relevance; 0 was judged not relevant."""

Sample = tuple[float, float]
"""What one question adds to a figure: numerator and denominator. A figure is the quotient of their sums."""

Samples = Mapping[str, Mapping[str, Sample]]
"""Figure to question id to sample."""


@dataclass(frozen=True, slots=True)
class CorpusDocument:
    """What is uploaded under `name`: a text, or `file`. Equal texts are one document that stands for several `ids`."""

    name: str
    ids: tuple[str, ...]
    title: str
    text: str
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Corpus:
    """`digest` changes with the content, so that a collection named by it can be used again."""

    name: str
    digest: str
    documents: tuple[CorpusDocument, ...]

    @property
    def collection(self) -> str:
        return f"eval-{self.name}-{self.digest}"


@dataclass(frozen=True, slots=True)
class RetrievalSet:
    """Queries with at least one relevant document; `unjudged` counts those left out for lack of one."""

    corpus: Corpus
    queries: Mapping[str, str]
    judgements: Mapping[str, Grades]
    unjudged: int


@dataclass(frozen=True, slots=True)
class Question:
    """`answers`: texts of which any is right."""

    id: str
    text: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QuestionSet:
    corpus: Corpus
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as HTTP returned it. `quotes`: the quoted span of each citation, in order."""

    text: str
    quotes: tuple[str, ...]
    refused: bool
    confidence: float
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """figures: group (a mode, or `answers`) to name to value; samples: the same per question, where that exists."""

    figures: Mapping[str, Mapping[str, float]]
    conditions: Mapping[str, str | int | float]
    samples: Mapping[str, Samples] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """A figure beside its baseline. noise: two standard errors of the difference; `method` says how they were found."""

    figure: str
    before: float
    after: float
    noise: float
    method: str

    @property
    def is_regression(self) -> bool:
        return self.before - self.after > self.noise
