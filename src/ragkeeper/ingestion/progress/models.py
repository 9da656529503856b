"""What a job says of itself.

A document's job is the way of one version from stored bytes to vectors in the index; a source's is one synchronisation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ragkeeper.documents.models import DeletionReceipt, Problem, VersionStatus
from ragkeeper.ingestion.models import Attempt


class JobKind(StrEnum):
    DOCUMENT = "document"
    SYNC = "source_sync"


class JobState(StrEnum):
    QUEUED = "queued"  # not begun: others are before it, or work is paused
    RUNNING = "running"
    WAITING = "waiting"  # begun, and held by something that it says
    STALLED = "stalled"  # whoever reads it has not been heard of; somebody else takes over soon
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in {JobState.DONE, JobState.FAILED, JobState.CANCELLED}


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """What SQL knows. claimed_by: the worker that reads it; ahead: versions that are read before it.

    vectors: of how many of its chunks there are some.
    """

    id: str
    document_id: str
    name: str
    collection: str
    status: VersionStatus
    attempts: int
    interruptions: int
    problem: Problem | None
    created_at: datetime
    searchable_at: datetime | None
    ready_at: datetime | None
    claimed_by: str | None = None
    ahead: int = 0
    chunks: int = 0
    vectors: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """Why a step does not go on, and until when, if that is known."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """What this process, the worker of that id, knows.

    reading: versions whose file is being read, or was and whose result is being stored; busy: how many of the `workers`
    readers are at work; postponed: when and why a version is to be read again; full: why no file is begun for want of
    space, empty when there is enough; silent: other workers that are not heard of; saving, indexing, embedding: what
    holds that step, None when nothing does.
    """

    worker: str
    reading: frozenset[str]
    busy: int
    workers: int
    postponed: Mapping[str, tuple[datetime, Problem]]
    paused: bool
    full: str = ""
    silent: frozenset[str] = frozenset()
    saving: Held | None = None
    indexing: Held | None = None
    embedding: Held | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """percent: 0 to 100; message: what the last step was; reason: why it is not further, empty when nothing holds it.

    position: its place in the queue from 1, while it is queued; until: when a waiting one goes on. name: of the
    document or the source; document_id: None for a source.
    """

    id: str
    document_id: str | None
    name: str
    collection: str
    state: JobState
    percent: int
    message: str
    reason: str
    position: int | None
    until: datetime | None
    attempts: int
    problem: Problem | None
    created_at: datetime
    searchable_at: datetime | None
    finished_at: datetime | None
    kind: JobKind = JobKind.DOCUMENT


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs are asked for; None: any."""

    state: JobState | None = None
    kind: JobKind | None = None
    collection: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """attempts: oldest first; interrupted: readings that a stop of the server cut off; they left no other trace."""

    job: Job
    attempts: tuple[Attempt, ...]
    interrupted: int


@dataclass(frozen=True, slots=True)
class Discarded:
    """receipt: of the document's deletion, when it had no other version."""

    id: str
    document_id: str
    receipt: DeletionReceipt | None
