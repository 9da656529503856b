"""Durable jobs by DBOS, on SQLite or PostgreSQL.

DBOS runs on threads and an event loop of its own, and takes over the thread pool of a loop that it is called from. So
handlers and the work of their steps run on ours, and only what DBOS writes down runs on its loop.
"""

import asyncio
import contextvars
import json
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy.exc import DBAPIError, OperationalError

from ragkeeper.core.clock import Clock, utc_now
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.ids import new_id
from ragkeeper.jobs.errors import JobsUnavailable, StepFailed
from ragkeeper.jobs.loop import Loop
from ragkeeper.jobs.port import DurableJob, DurableState, Handler, Json, Schedule
from ragkeeper.jobs.scheduler import Scheduler
from ragkeeper.storage.sql.errors import StorageFull, is_full

_log = structlog.get_logger()
_T = TypeVar("_T")

# So many jobs of one lane at once: they wait for other machines or for the disk, and searches go on beside them.
_AT_ONCE: Final = 4
# Jobs that have ended and are remembered, of each kind; so many of the rest are forgotten together, so often (seconds).
_REMEMBERED: Final = 1000
_FORGOTTEN: Final = 500
_FORGET_EVERY: Final = 3600.0
_ENDED: Final = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
# Seconds between two looks for jobs that nobody works on though they are under way.
_RESUME_EVERY: Final = 5.0
# Seconds between two looks into the queue.
_LOOK_EVERY: Final = 0.5
_STATES: Final = {
    "ENQUEUED": DurableState.QUEUED,
    "DELAYED": DurableState.QUEUED,
    "PENDING": DurableState.RUNNING,
    "SUCCESS": DurableState.DONE,
    "CANCELLED": DurableState.CANCELLED,
}
_LOST = {"code": "job_lost", "message": "It was begun again and again without coming to an end."}


class DbosEngine:
    """One at a time in a process: DBOS keeps its state in its module.

    url: as SQLAlchemy has it, no async driver; load: imports the class `DBOS`, which takes a quarter of a second;
    remembered: jobs that have ended, of each kind; resume_every: seconds between two looks for jobs that were dropped.
    """

    def __init__(
        self,
        url: str,
        load: Callable[[], Any],
        clock: Clock = utc_now,
        remembered: int = _REMEMBERED,
        resume_every: float = _RESUME_EVERY,
    ) -> None:
        self._url = url
        self._load = load
        self._remembered = remembered
        self._handlers: dict[str, Handler] = {}
        self._lanes: dict[str, str] = {}
        self._forgetting = Loop("forget_jobs", self._forget_some, idle_seconds=_FORGET_EVERY)
        self._resuming = Loop("resume_jobs", self._resume_dropped, idle_seconds=resume_every)
        self._seen_dropped: frozenset[str] = frozenset()
        self._scheduler = Scheduler(self._submit_scheduled, clock)
        self._working: dict[str, asyncio.Task[Json]] = {}
        self._changing = asyncio.Lock()
        self._dbos: Any = None

    def handle(self, kind: str, handler: Handler, *, lane: str = "jobs") -> None:
        self._handlers[kind] = handler
        self._lanes[kind] = lane

    async def start(self) -> None:
        async with self._changing:
            if self._dbos is None:
                await self._launched()
                self._scheduler.start()
                self._forgetting.start()
                self._resuming.start()

    async def stop(self) -> None:
        async with self._changing:
            await self._scheduler.stop()
            await self._forgetting.stop()
            await self._resuming.stop()
            if self._dbos is None:
                return
            # DBOS writes nothing down about what is cancelled here: the next start finds it under way.
            await _end(list(self._working.values()))
            await asyncio.to_thread(self._dbos.destroy, destroy_registry=True)
            self._dbos = None

    async def submit(self, kind: str, argument: Json, *, job_id: str | None = None) -> str:
        job_id = job_id or new_id()
        options = {"queue_name": self._lanes[kind], "workflow_name": kind, "workflow_id": job_id}
        await self._call("enqueue_workflow_with_options", options, argument)
        return job_id

    async def cancel(self, job_id: str) -> None:
        await self._call("cancel_workflow", job_id)
        if task := self._working.get(job_id):
            await _end([task])

    async def find(self, job_id: str) -> DurableJob | None:
        found = await self._call("get_workflow_status", job_id)
        return None if found is None else _job(found)

    async def jobs(self, kind: str, limit: int) -> list[DurableJob]:
        found = await self._call("list_workflows", name=kind, limit=limit, sort_desc=True)
        return [_job(one) for one in found]

    async def set_schedules(self, kind: str, schedules: Sequence[Schedule]) -> None:
        self._scheduler.set(kind, schedules)

    async def _call(self, method: str, *arguments: object, **named: object) -> Any:
        """One of DBOS's blocking calls; starts it if need be."""
        await self.start()
        call = partial(getattr(self._dbos, method), *arguments, **named)
        try:
            # Not `to_thread`: a step's context would go along, and DBOS refuses to begin a job inside a step.
            return await asyncio.get_running_loop().run_in_executor(None, call)
        except DBAPIError as error:
            raise _failure(error) from error

    async def _submit_scheduled(self, job_id: str, schedule: Schedule) -> None:
        await self.submit(schedule.kind, schedule.argument, job_id=job_id)

    async def _resume_dropped(self) -> bool:
        """Take up jobs that are under way by the record and by nobody: their outcome, or a step's, could not be noted.

        Only those seen so twice: one that has just been taken from the queue has not come to its handler yet.
        """
        under_way = await self._call("list_workflows", status="PENDING", load_input=False, load_output=False)
        dropped = frozenset(one.workflow_id for one in under_way) - self._working.keys()
        for job_id in sorted(dropped & self._seen_dropped):
            _log.warning("job_taken_up_again", job=job_id)
            await self._call("resume_workflow", job_id)
        self._seen_dropped = dropped - self._seen_dropped
        return False

    async def _forget_some(self) -> bool:
        """Every schedule makes jobs for ever. True when more of them may be left."""
        is_more = False
        for kind in self._handlers:
            old = await self._call(
                "list_workflows",
                name=kind,
                status=_ENDED,
                sort_desc=True,
                offset=self._remembered,
                limit=_FORGOTTEN,
                load_input=False,
                load_output=False,
            )
            if old:
                await self._call("delete_workflows", [one.workflow_id for one in old])
            is_more |= len(old) == _FORGOTTEN
        return is_more

    async def _launched(self) -> None:
        launching = asyncio.ensure_future(asyncio.to_thread(self._launch, asyncio.get_running_loop()))
        try:
            self._dbos = await asyncio.shield(launching)
        except asyncio.CancelledError:
            # Its threads are there in a moment, and somebody must know of them to end them.
            self._dbos = await launching
            raise

    def _launch(self, ours: asyncio.AbstractEventLoop) -> Any:
        """Runs in a thread, where DBOS finds no event loop to take over; and which may take its time."""
        dbos = self._load()
        dbos(
            config={
                "name": "ragkeeper",
                "system_database_url": self._url,
                # What a process left behind, of whatever release, belongs to the one that comes after it.
                "application_version": "1",
                "executor_id": "local",
                "log_level": "ERROR",
                "serializer": _JsonSerializer(),
            }
        )
        for kind in self._handlers:
            dbos.workflow(name=kind)(self._workflow(dbos, kind, ours))
        try:
            dbos.launch()
            for lane in sorted(set(self._lanes.values())):
                dbos.register_queue(lane, worker_concurrency=_AT_ONCE, polling_interval_sec=_LOOK_EVERY)
        except DBAPIError as error:
            dbos.destroy(destroy_registry=True)
            raise _failure(error) from error
        return dbos

    def _workflow(self, dbos: Any, kind: str, ours: asyncio.AbstractEventLoop) -> Callable[[Json], Awaitable[Json]]:
        """What DBOS runs, on its loop: it waits for the handler, which runs on ours."""

        async def workflow(argument: Json) -> Json:
            run = _Run(dbos.workflow_id, dbos, asyncio.get_running_loop(), ours, contextvars.copy_context())
            return await _on(ours, self._handled(kind, run, argument))

        return workflow

    async def _handled(self, kind: str, run: "_Run", argument: Json) -> Json:
        work = asyncio.ensure_future(self._handlers[kind](run, argument))
        self._working[run.job_id] = work
        try:
            return {"result": await work}
        except RagkeeperError as error:
            return {"code": error.code, "message": error.message}
        except Exception as error:  # noqa: BLE001 - the edge of one job: whatever it raises is its outcome
            _log.error("job_crashed", job=run.job_id, kind=kind, exc_info=error)
            return {"code": "internal_error", "message": f"{type(error).__name__} inside the server"}
        finally:
            del self._working[run.job_id]


@dataclass(slots=True)
class _Run:
    job_id: str
    dbos: Any
    theirs: asyncio.AbstractEventLoop
    ours: asyncio.AbstractEventLoop
    context: contextvars.Context  # says to DBOS which job a step belongs to

    async def step(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:
        attempt = _Attempt(work)
        noted = self.context.run(asyncio.run_coroutine_threadsafe, self._noted(name, attempt), self.theirs)
        try:
            found = await asyncio.wrap_future(noted)
        except asyncio.CancelledError:
            await attempt.end()
            raise
        except _NotNoted:
            # All that is known of an earlier attempt is that it could not be noted; neither will this one be.
            found = await attempt.run()
        except DBAPIError as error:
            # Whatever was done is done again: nothing says that it was. The job stays under way, and is taken up soon.
            _log.warning("step_not_noted", job=self.job_id, step=name, reason=str(error.orig))
            raise asyncio.CancelledError from error
        if "result" in found:
            result: Json = found["result"]
            return result
        raise attempt.error or StepFailed.again(found["code"], found["message"])

    async def _noted(self, name: str, attempt: "_Attempt") -> Any:
        """On DBOS's loop: what was noted before, or what the attempt comes to."""

        async def made() -> Json:
            return await _on(self.ours, attempt.run())

        return await self.dbos.run_step_async({"name": name}, made)


class _Attempt:
    """The work of one step, on our loop."""

    def __init__(self, work: Callable[[], Awaitable[Json]]) -> None:
        self.error: Exception | None = None
        self._work = work
        self._task: asyncio.Task[Json] | None = None
        self._ended = False

    async def run(self) -> Json:
        if self._ended:
            raise asyncio.CancelledError
        # Shielded: it is cancelled by `end` alone, once, so that it can tidy up.
        self._task = asyncio.ensure_future(self._outcome())
        return await asyncio.shield(self._task)

    async def end(self) -> None:
        """Its work has let go on return."""
        self._ended = True
        if self._task is not None:
            await _end([self._task])

    async def _outcome(self) -> Json:
        try:
            return {"result": await self._work()}
        except RagkeeperError as error:
            self.error = error
            return {"code": error.code, "message": error.message}
        except OperationalError as error:
            # A locked or failing database may work again in a moment: not the step's outcome.
            _log.warning("step_cut_off", reason=str(error.orig))
            raise asyncio.CancelledError from error
        except Exception as error:  # noqa: BLE001 - noted, so that a job that is taken up again meets it again
            self.error = error
            return {"code": "internal_error", "message": f"{type(error).__name__} inside the server"}


async def _on(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, _T]) -> _T:
    """Run on another thread's loop; cancelled there when it is cancelled here."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))


async def _end(tasks: Sequence[asyncio.Task[Json]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _failure(error: DBAPIError) -> RagkeeperError:
    reason = str(error.orig)
    return StorageFull(reason=reason) if is_full(reason) else JobsUnavailable(reason=reason)


def _job(found: Any) -> DurableJob:
    outcome = found.output or ({} if found.status in _STATES else _LOST)
    state = _STATES.get(found.status, DurableState.FAILED)
    return DurableJob(
        id=found.workflow_id,
        kind=found.name,
        argument=found.input["args"][0] if found.input else None,
        state=DurableState.FAILED if "code" in outcome else state,
        created_at=_time(found.created_at),
        updated_at=_time(found.updated_at),
        result=outcome.get("result"),
        code=outcome.get("code"),
        message=outcome.get("message"),
    )


def _time(milliseconds: int | None) -> datetime:
    return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC)


class _NotNoted(Exception):
    """What DBOS noted instead of a result: that it failed to note it."""


_ERROR: Final = "error that DBOS met"


class _JsonSerializer:
    """Results as JSON: DBOS's own choice, pickle, would run what a forged file says."""

    def serialize(self, data: object) -> str:
        return json.dumps(data, default=lambda other: {_ERROR: repr(other)})

    def deserialize(self, serialized_data: str) -> Any:
        found = json.loads(serialized_data)
        return _NotNoted(found[_ERROR]) if isinstance(found, dict) and found.keys() == {_ERROR} else found

    def name(self) -> str:
        return "json"
