"""What crosses HTTP about jobs."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict

from ragkeeper.documents.schemas import ProblemView
from ragkeeper.ingestion.models import Attempt
from ragkeeper.ingestion.progress.models import Discarded, History, Job, JobKind, JobState


class JobView(BaseModel):
    """`current` of `total` is the percentage; `message` the last step; `reason` why it is not further.

    `name`: of the document, or of the source that is read again; then `document_id` is null.
    """

    id: str
    kind: JobKind
    document_id: str | None
    name: str
    collection: str
    state: JobState
    current: int
    total: int
    message: str
    reason: str
    position: int | None
    until: datetime | None
    attempts: int
    error: ProblemView | None
    created_at: datetime
    searchable_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, job: Job) -> Self:
        return cls(
            id=job.id,
            kind=job.kind,
            document_id=job.document_id,
            name=job.name,
            collection=job.collection,
            state=job.state,
            current=job.percent,
            total=100,
            message=job.message,
            reason=job.reason,
            position=job.position,
            until=job.until,
            attempts=job.attempts,
            error=ProblemView.of(job.problem) if job.problem else None,
            created_at=job.created_at,
            searchable_at=job.searchable_at,
            finished_at=job.finished_at,
        )


class AttemptView(BaseModel):
    """`error` and `message` are null for an attempt that went well."""

    began_at: datetime
    ended_at: datetime
    seconds: float
    error: str | None
    message: str | None

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        return cls(
            began_at=attempt.began_at,
            ended_at=attempt.ended_at,
            seconds=round((attempt.ended_at - attempt.began_at).total_seconds(), 3),
            error=attempt.code,
            message=attempt.message,
        )


class HistoryView(BaseModel):
    """`interrupted`: attempts that a stop of the server cut off; they left no other trace."""

    job: JobView
    attempts: list[AttemptView]
    interrupted: int

    @classmethod
    def of(cls, history: History) -> Self:
        return cls(
            job=JobView.of(history.job),
            attempts=[AttemptView.of(attempt) for attempt in history.attempts],
            interrupted=history.interrupted,
        )


class RetryBody(BaseModel):
    """`code`: only jobs that failed with it; null: all that failed."""

    model_config = ConfigDict(extra="forbid")

    code: str | None = None


class RetriedView(BaseModel):
    retried: int


class PausedView(BaseModel):
    paused: bool


class DiscardedView(BaseModel):
    """`deletion` is the receipt's id when the document went with its only version, else null."""

    id: str
    document_id: str
    deletion: str | None

    @classmethod
    def of(cls, discarded: Discarded) -> Self:
        receipt = discarded.receipt
        return cls(id=discarded.id, document_id=discarded.document_id, deletion=receipt.id if receipt else None)
