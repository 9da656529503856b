"""What travels between the steps of ingestion."""

from dataclasses import dataclass
from datetime import datetime

from ragkeeper.documents.models import Priority
from ragkeeper.ingestion.chunkers.port import ChunkSpan


@dataclass(frozen=True, slots=True)
class PendingVersion:
    """A claimed version. `title` is what its uploader called it, if anything.

    attempts: its readings, this one included; interruptions: how many of them a stop of the server cut off; queued_at:
    when it was accepted, or taken up again by somebody after that.
    """

    id: str
    document_id: str
    number: int
    sha256: str
    filename: str
    attempts: int
    interruptions: int
    title: str | None
    name: str
    priority: Priority = Priority.PERSON
    size: int = 0
    queued_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One reading of a file; code and message say why it failed, and are None when it did not."""

    began_at: datetime
    ended_at: datetime
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class NewChunk:
    """`text` is the span of the version's text, `gap` what follows up to the next chunk; `indexed_text` adds titles."""

    span: ChunkSpan
    text: str
    gap: str
    indexed_text: str


@dataclass(frozen=True, slots=True)
class ParsedVersion:
    version: PendingVersion
    title: str
    text: str
    media_type: str
    pages: int | None
    properties: dict[str, str]
    warnings: list[dict[str, object]]
    chunks: tuple[NewChunk, ...]


@dataclass(frozen=True, slots=True)
class PendingChunk:
    """A chunk without a vector."""

    id: int
    document_id: str
    version_id: str
    indexed_text: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to an upload: the document, its version, and the job that makes it searchable (same id)."""

    id: str
    version: str
    status: str
    duplicate: bool

    @property
    def job_id(self) -> str:
        return self.version
