"""A new index and a change of the embedding model as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

KIND = "reindex"
"""The kind of the durable job."""


@dataclass(frozen=True, slots=True)
class EmbeddingChoice:
    """Which embedder serves, in the words of RAG_EMBEDDING_MODEL.

    setting: what the environment said when this was chosen; another word there overrules it. other: the embedder of the
    index that is kept.
    """

    setting: str
    serving: str
    other: str | None = None


@dataclass(frozen=True, slots=True)
class Portion:
    """What a builder is to fill in one go: chunks above `after`, at most `limit`."""

    generation: str
    model: str
    dimension: int
    after: int
    limit: int


@dataclass(frozen=True, slots=True)
class Filled:
    """after: the last chunk that was put; chunks: how many were; complete: there were no more."""

    after: int
    chunks: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """A generation to be built. choice: its embedder in the words of RAG_EMBEDDING_MODEL; None: the one that serves."""

    generation: str
    model: str
    dimension: int
    chunks: int
    choice: str | None = None


@dataclass(frozen=True, slots=True)
class Lacking:
    """A chunk without a vector of some model, and the text that is embedded."""

    id: int
    document_id: str
    version_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """stage: in words; done of total chunks, 0 where nothing is counted; waits_for: what holds it, empty: nothing."""

    stage: str
    done: int = 0
    total: int = 0
    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A golden question: the names of documents that answer it, with grades."""

    query: str
    grades: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Gate:
    """What another model must reach to serve. force: it serves whatever it reaches."""

    min_overlap: float = 0.5
    max_ndcg_loss: float = 0.02
    force: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the other model finds, against the one that serves. source: where the questions came from.

    overlap: the mean share of the ten best chunks that both find; ndcg: before and after, where judged questions exist.
    """

    questions: int
    source: str
    overlap: float
    ndcg_before: float | None = None
    ndcg_after: float | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a change of the model costs: chunks to embed, how many a second, seconds, and megabytes on the disk."""

    model: str
    chunks: int
    to_embed: int
    per_second: float
    seconds: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class Kept:
    """One generation as a person looks at it."""

    name: str
    model: str
    chunks: int | None = None
    vectors: int | None = None


@dataclass(frozen=True, slots=True)
class IndexState:
    """previous: the name of the generation an undo returns to; job: the reindex under way."""

    serving: Kept
    previous: str | None
    previous_model: str | None
    choice: EmbeddingChoice
    incomplete: bool
    job: str | None
    progress: Progress | None = None
    comparison: Comparison | None = field(default=None)
