"""A source, what it held when it was last looked at, and what became of a look."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ragkeeper.documents.models import Problem


class SourceKind(StrEnum):
    FOLDER = "folder"  # on the server's disk
    WEB = "web"  # pages that link to one another
    SITEMAP = "sitemap"
    S3 = "s3"  # a bucket of anything that speaks S3
    GIT = "git"


class Change(StrEnum):
    """What a look at an item means for its document."""

    ADD = "add"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    REMOVE = "remove"
    FAIL = "fail"  # it is there and cannot be read; what was taken in before stays


@dataclass(frozen=True, slots=True)
class Item:
    """What is known of one item. fingerprint: of what was taken in, empty before anything was.

    document_id: of a document that may be deleted by now. error_*: why the newest content was not taken in.
    """

    key: str
    fingerprint: str
    document_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None

    @property
    def was_taken_in(self) -> bool:
        return self.fingerprint != ""


@dataclass(frozen=True, slots=True)
class Run:
    """One synchronisation: how far it is, or what it did.

    items: seen in the source; the others: how many of them, and how many documents were removed. ended_at None: it is
    under way, or was broken off without a word. attempts: how often it was begun; a crash makes it begin anew.
    expected: items that the run before it saw, 0 when nobody knows.
    """

    job_id: str
    began_at: datetime
    allow_removals: bool = False
    ended_at: datetime | None = None
    items: int = 0
    added: int = 0
    updated: int = 0
    failed: int = 0
    removed: int = 0
    problem: Problem | None = None
    attempts: int = 0
    expected: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """A place that documents come from. options: what its kind understands; schedule: cron, UTC.

    synced_at: when a run last ended well.
    """

    id: str
    name: str
    kind: SourceKind
    location: str
    options: Mapping[str, object]
    collection_id: str
    collection: str
    schedule: str | None
    paused: bool
    created_by: str
    created_at: datetime
    synced_at: datetime | None = None
    last_run: Run | None = None


@dataclass(frozen=True, slots=True)
class ItemCounts:
    """items: that were seen last; failed: those of them whose newest content could not be taken in."""

    items: int
    failed: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a synchronisation would do now: keys by change. stopped: why it would remove nothing, if so."""

    changes: Mapping[Change, tuple[str, ...]] = field(default_factory=dict)
    unchanged: int = 0
    stopped: Problem | None = None


@dataclass(frozen=True, slots=True)
class Watching:
    """Whether the kernel tells about changes of a folder; `reason` why it does not although it was asked to."""

    works: bool
    reason: str | None = None


SYNC_JOB = "source_sync"
"""Kind of the job that synchronises one source."""

DUE_JOB = "source_due"
"""Kind of the job that a schedule starts: it asks for a synchronisation, if none is under way."""

SYNC_ALL_JOB = "sources_sync_all"
"""Kind of the job that lasts until the synchronisations it names have ended."""


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"  # the record of jobs cannot be reached: nobody knows how far it is
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class NewSource:
    name: str
    kind: SourceKind
    location: str
    collection: str
    options: Mapping[str, object] = field(default_factory=dict)
    schedule: str | None = None


@dataclass(frozen=True, slots=True)
class SourceChange:
    """None: stays as it is. options: those named change, those that are None go. schedule: empty for none."""

    location: str | None = None
    options: Mapping[str, object] | None = None
    schedule: str | None = None
    paused: bool | None = None


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source with what it holds and how its last run stands; failed: the first of the items that failed.

    waits_for: what a waiting run waits for.
    """

    source: Source
    counts: ItemCounts
    run_state: RunState | None
    watching: Watching | None
    failed: tuple[Item, ...] = ()
    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class Removal:
    """What removing a source does to its documents: how many are deleted, how many stay."""

    name: str
    deleted: int
    kept: int
