"""What crosses HTTP about sources."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from ragkeeper.documents.schemas import ProblemView
from ragkeeper.documents.service import DEFAULT_COLLECTION
from ragkeeper.ingestion.sources.models import (
    Change,
    Item,
    NewSource,
    Plan,
    Removal,
    Run,
    RunState,
    Source,
    SourceChange,
    SourceKind,
    SourceState,
    Watching,
)
from ragkeeper.jobs.schemas import DurableJobView

_LISTED = 1000
_LONGEST_LOCATION = 2000
_OPTIONS = "What the kind understands; `most_removed` (0 to 1) is every kind's."
_SCHEDULE = "Five cron fields, UTC."


Location = Annotated[str, Field(min_length=1, max_length=_LONGEST_LOCATION, pattern=r"^[^\x00]*$")]


class SourceBody(BaseModel):
    """`location`: a folder on the server, an address, a bucket."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100, pattern=r"^[\w.-]*\w[\w.-]*( [\w.-]+)*$")
    kind: SourceKind
    location: Location
    collection: str = DEFAULT_COLLECTION
    options: dict[str, Any] = Field(default_factory=dict, description=_OPTIONS)
    schedule: str | None = Field(None, max_length=100, description=_SCHEDULE)

    def new_source(self) -> NewSource:
        return NewSource(self.name, self.kind, self.location, self.collection, self.options, self.schedule)


class SourcePatch(BaseModel):
    """What is left out stays. An option that is null goes back to its default; an empty `schedule` is none."""

    model_config = ConfigDict(extra="forbid")

    location: Location | None = None
    options: dict[str, Any] | None = Field(None, description=_OPTIONS)
    schedule: str | None = Field(None, max_length=100, description=_SCHEDULE)
    paused: bool | None = None

    def change(self) -> SourceChange:
        return SourceChange(self.location, self.options, self.schedule, self.paused)


class SyncBody(BaseModel):
    """`dry_run`: only say what would happen. `allow_removals`: however many documents go."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = False
    allow_removals: bool = False


class RunView(BaseModel):
    """`items`: seen in the source so far; the others: how many of them, `removed`: documents."""

    job_id: str
    state: RunState
    began_at: datetime
    ended_at: datetime | None
    items: int
    added: int
    updated: int
    unchanged: int
    failed: int
    removed: int
    error: ProblemView | None

    @classmethod
    def of(cls, run: Run, state: RunState) -> Self:
        return cls(
            job_id=run.job_id,
            state=state,
            began_at=run.began_at,
            ended_at=run.ended_at,
            items=run.items,
            added=run.added,
            updated=run.updated,
            unchanged=max(run.items - run.added - run.updated - run.failed, 0),
            failed=run.failed,
            removed=run.removed,
            error=ProblemView.of(run.problem) if run.problem else None,
        )


class FailedItemView(BaseModel):
    """An item whose newest content could not be taken in; what was taken in before stays."""

    key: str
    code: str
    message: str
    document_id: str | None

    @classmethod
    def of(cls, item: Item) -> Self:
        return cls(
            key=item.key, code=item.error_code or "", message=item.error_message or "", document_id=item.document_id
        )


class WatchingView(BaseModel):
    works: bool
    reason: str | None

    @classmethod
    def of(cls, watching: Watching) -> Self:
        return cls(works=watching.works, reason=watching.reason)


class SourceView(BaseModel):
    """`synced_at`: when a run last ended well; `watching` null: it is not asked for."""

    id: str
    name: str
    kind: SourceKind
    location: str
    collection: str
    options: dict[str, Any]
    schedule: str | None
    paused: bool
    created_by: str
    created_at: datetime
    synced_at: datetime | None
    items: int
    failed: int
    watching: WatchingView | None
    last_run: RunView | None

    @classmethod
    def of(cls, state: SourceState) -> Self:
        source: Source = state.source
        run = source.last_run
        return cls(
            id=source.id,
            name=source.name,
            kind=source.kind,
            location=source.location,
            collection=source.collection,
            options=dict(source.options),
            schedule=source.schedule,
            paused=source.paused,
            created_by=source.created_by,
            created_at=source.created_at,
            synced_at=source.synced_at,
            items=state.counts.items,
            failed=state.counts.failed,
            watching=WatchingView.of(state.watching) if state.watching else None,
            last_run=RunView.of(run, state.run_state) if run and state.run_state else None,
        )


class SourceDetailView(SourceView):
    """With the first items that failed."""

    failures: list[FailedItemView]

    @classmethod
    def of(cls, state: SourceState) -> Self:
        failures = [FailedItemView.of(item) for item in state.failed]
        return cls(**SourceView.of(state).model_dump(), failures=failures)


class PlannedView(BaseModel):
    key: str
    change: Change


class PlanView(BaseModel):
    """What a synchronisation would do. `changes`: the first of them, all are counted; `stopped`: why none would go."""

    add: int
    update: int
    remove: int
    unchanged: int
    fail: int
    changes: list[PlannedView]
    stopped: ProblemView | None

    @classmethod
    def of(cls, plan: Plan) -> Self:
        planned = [PlannedView(key=key, change=change) for change, keys in plan.changes.items() for key in keys]
        counts = {
            change.value: len(plan.changes.get(change, ())) for change in Change if change is not Change.UNCHANGED
        }
        stopped = ProblemView.of(plan.stopped) if plan.stopped else None
        return cls(**counts, unchanged=plan.unchanged, changes=planned[:_LISTED], stopped=stopped)


class SyncStartedView(BaseModel):
    job_id: str


class IngestView(BaseModel):
    """`job_id`: of the job that lasts until those of `job_ids`, one for each source, have ended."""

    job_id: str
    job_ids: list[str]


class SyncView(DurableJobView):
    """`result`: what it did, once it is done."""


class DocumentsOfRemoved(StrEnum):
    KEEP = "keep"
    DELETE = "delete"


class RemovalView(BaseModel):
    """`deleted` and `kept`: documents."""

    name: str
    deleted: int
    kept: int

    @classmethod
    def of(cls, removal: Removal) -> Self:
        return cls(name=removal.name, deleted=removal.deleted, kept=removal.kept)
