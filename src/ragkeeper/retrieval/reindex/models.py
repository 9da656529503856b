"""A new index and a change of the embedding model as plain data."""

from dataclasses import dataclass

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
    """What a builder is to fill in one go: chunks above `after`, at most `limit`; optimize: and then it is complete."""

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
