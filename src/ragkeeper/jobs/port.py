"""What ragkeeper asks of an engine for long work: jobs made of named steps, taken up again after a stop or a crash.

A handler is an `async def` that does nothing itself but call `step`: what a step returns is remembered, and a job that
is taken up again gets the remembered results without the work being done anew. A step may run twice when the process
dies inside it, so it must be safe to repeat. Between its steps a handler decides only by what steps have returned and
by its argument, so that it takes the same way again.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ragkeeper.core.errors import RagkeeperError

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""What arguments and results are made of: they are stored."""


class DurableState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self not in {DurableState.QUEUED, DurableState.RUNNING}


@dataclass(frozen=True, slots=True)
class DurableJob:
    """result: what the handler returned; code, message: why it failed, by the error's stable code."""

    id: str
    kind: str
    argument: Json
    state: DurableState
    created_at: datetime
    updated_at: datetime
    result: Json = None
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A job of this kind, with this argument, whenever the cron expression says so (five fields, UTC).

    The job's id is made of the schedule's name and the time it was due at, so no run takes place twice. since: runs
    that were due after it and fell into a stop are made up for, once for all of them; None: not made up for.
    """

    name: str
    cron: str
    kind: str
    argument: Json = None
    since: datetime | None = None


class JobRun(Protocol):
    """What a handler gets: one job under way."""

    @property
    def job_id(self) -> str: ...

    async def step(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:
        """The result of `work`, now or from before. Names follow one another in the same order each time.

        Raises what `work` raises, and nothing of a cancelled job: its handler is ended with CancelledError.
        """


Handler = Callable[[JobRun, Json], Awaitable[Json]]


@dataclass(frozen=True, slots=True)
class RecordUse:
    """The database server that jobs are recorded in: which database, its bytes, connections to it by whomever."""

    name: str
    bytes: int
    connections: int


class JobEngine(Protocol):
    """The port. A job keeps its id: submitting it again changes nothing while the job is remembered.

    All that have not ended are remembered, and of each kind a thousand of those that have. Where the record of jobs is
    a server of its own that is away, every call but `handle` and `set_schedules` raises JobsUnavailable within seconds;
    jobs under way go on once it is back.
    """

    @property
    def trouble(self) -> RagkeeperError | None:
        """Why jobs cannot be recorded at this moment, as the newest attempt showed; None when they can."""

    def handle(self, kind: str, handler: Handler, *, lane: str = "jobs") -> None:
        """Say who does jobs of this kind; before `start`. Only jobs of one lane wait for one another."""

    async def start(self) -> None:
        """Take up what was left by a stop or a crash, then what is submitted. The second call does nothing.

        Raises JobsUnavailable when what was left cannot be read; it can be called again.
        """

    async def stop(self) -> None:
        """Let go within a few seconds; what is under way goes on from its last step with the next start."""

    async def submit(self, kind: str, argument: Json, *, job_id: str | None = None) -> str:
        """Put a job in the queue and return its id (a new one unless given). Starts the engine if need be."""

    async def cancel(self, job_id: str) -> None:
        """End the job if it has not ended: the step under way is cancelled, no other begins."""

    async def find(self, job_id: str) -> DurableJob | None: ...

    async def jobs(self, kind: str, limit: int) -> list[DurableJob]:
        """Newest first."""

    async def active(self, kind: str) -> list[DurableJob]:
        """Those that have not ended, newest first."""

    async def record_use(self) -> RecordUse | None:
        """None where jobs are recorded in no server of its own. Raises JobsUnavailable."""

    async def set_schedules(self, kind: str, schedules: Sequence[Schedule]) -> None:
        """These and no others of this kind. Raises CronInvalid, before anything is changed."""
