"""Durable jobs by DBOS, on SQLite or PostgreSQL.

DBOS runs on threads and an event loop of its own, and takes over the thread pool of a loop that it is called from. So
handlers and the work of their steps run on ours, and only what DBOS writes down runs on its loop.

It asks its record several times a second whether there is work. Where nobody else can add any, it is there only while
jobs are under way, or were asked for a while ago: a server that rests costs nothing.
"""

import asyncio
import contextvars
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy.exc import DBAPIError

from ragkeeper.core.clock import Clock, utc_now
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.figures import work
from ragkeeper.core.ids import new_id
from ragkeeper.core.job_log import FailedJob, FailedJobs, job_completed
from ragkeeper.core.metrics import Metrics
from ragkeeper.jobs.dbos_run import JsonSerializer, Run, end_all, on_loop
from ragkeeper.jobs.errors import JobsDatabaseAway, JobsUnavailable
from ragkeeper.jobs.loop import Loop
from ragkeeper.jobs.port import DurableJob, DurableState, Handler, Json, RecordUse, Schedule
from ragkeeper.jobs.record import record_at
from ragkeeper.jobs.scheduler import Scheduler

_log = structlog.get_logger()

# So many jobs of one lane at once: they wait for other machines or for the disk, and searches go on beside them.
_AT_ONCE: Final = 4
# Jobs that have ended and are remembered, of each kind; so many of the rest are forgotten together, so often (seconds).
_REMEMBERED: Final = 1000
_FORGOTTEN: Final = 500
_FORGET_EVERY: Final = 3600.0
_ENDED: Final = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
# Seconds between two looks for jobs that nobody works on though they are under way.
_RESUME_EVERY: Final = 5.0
# polling_interval_sec: between two looks into the queue.
_LANE: Final = {"worker_concurrency": _AT_ONCE, "polling_interval_sec": 0.5}
# Seconds since somebody last asked for or about a job, after which DBOS is let go of where none waits or is under way.
_REST_AFTER: Final = 300.0
# Calls to the record that are under way at once. Threads of their own: where it hangs, nothing else waits for them.
_CALLS: Final = 4
_ACTIVE: Final = ["ENQUEUED", "DELAYED", "PENDING"]
_STATES: Final = {
    "ENQUEUED": DurableState.QUEUED,
    "DELAYED": DurableState.QUEUED,
    "PENDING": DurableState.RUNNING,
    "SUCCESS": DurableState.DONE,
    "CANCELLED": DurableState.CANCELLED,
}
_CONFIG: Final = {
    "name": "ragkeeper",
    # What a process left behind, of whatever release, belongs to the one that comes after it.
    "application_version": "1",
    "executor_id": "local",
    "log_level": "ERROR",
    "serializer": JsonSerializer(),
}
_LOST = {"code": "job_lost", "message": "It was begun again and again without coming to an end."}


class DbosEngine:
    """One at a time in a process: DBOS keeps its state in its module.

    url: as SQLAlchemy has it, no async driver; load: imports the class `DBOS`, which takes a quarter of a second;
    remembered: jobs that have ended, of each kind; resume_every: seconds between two looks for jobs that were dropped;
    rest_after: seconds without use until DBOS is let go of.
    """

    def __init__(
        self,
        url: str,
        load: Callable[[], Any],
        clock: Clock = utc_now,
        remembered: int = _REMEMBERED,
        resume_every: float = _RESUME_EVERY,
        rest_after: float = _REST_AFTER,
        metrics: Metrics | None = None,
        failed: FailedJobs | None = None,
    ) -> None:
        self.trouble: RagkeeperError | None = None
        self._record = record_at(url)
        self._callers = ThreadPoolExecutor(_CALLS, thread_name_prefix="jobs_record")
        self._load = load
        self._remembered = remembered
        self._metrics = metrics or Metrics(work.TABLE)
        self._failed = failed or FailedJobs(self._metrics)
        self._handlers: dict[str, Handler] = {}
        self._lanes: dict[str, str] = {}
        self._forgetting = Loop("forget_jobs", self._forget_some, idle_seconds=_FORGET_EVERY)
        self._resuming = Loop("resume_jobs", self._resume_dropped, idle_seconds=resume_every)
        self._resting = Loop("rest_jobs", self._rest, idle_seconds=rest_after / 2)
        self._rest_after = rest_after
        self._used_at = time.monotonic()
        self._n_calls = 0
        self._is_started = False
        self._seen_dropped: frozenset[str] = frozenset()
        self._scheduler = Scheduler(self._submit_scheduled, clock)
        self._working: dict[str, asyncio.Task[Json]] = {}
        self._changing = asyncio.Lock()
        self._dbos: Any = None

    def handle(self, kind: str, handler: Handler, *, lane: str = "jobs") -> None:
        self._handlers[kind] = handler
        self._lanes[kind] = lane

    @property
    def is_awake(self) -> bool:
        return self._dbos is not None

    async def start(self) -> None:
        async with self._changing:
            if self._is_started:
                return
            if not await asyncio.to_thread(self._record.is_idle):
                await self._wake()
            self._is_started = True
            self._scheduler.start()
            self._resting.start()

    async def stop(self) -> None:
        async with self._changing:
            await self._scheduler.stop()
            await self._resting.stop()
            await self._sleep()
            self._is_started = False

    async def _wake(self) -> None:
        if self._dbos is None:
            try:
                await self._launched()
            except RagkeeperError as error:
                self._note(error)
                raise
            self._note(None)
            self._forgetting.start()
            self._resuming.start()

    async def _sleep(self) -> None:
        await self._forgetting.stop()
        await self._resuming.stop()
        if self._dbos is None:
            return
        # DBOS writes nothing down about what is cancelled here: the next start finds it under way.
        await end_all(list(self._working.values()))
        if self.trouble:
            self._record.break_off()
        await asyncio.to_thread(self._dbos.destroy, destroy_registry=True)
        self._record.close()
        self._dbos = None

    async def _rest(self) -> bool:
        async with self._changing:
            is_unused = not self._n_calls and not self._working and time.monotonic() - self._used_at >= self._rest_after
            if self.is_awake and is_unused and await asyncio.to_thread(self._record.is_idle):
                await self._sleep()
        return False

    async def submit(self, kind: str, argument: Json, *, job_id: str | None = None) -> str:
        job_id = job_id or new_id()
        options = {"queue_name": self._lanes[kind], "workflow_name": kind, "workflow_id": job_id}
        await self._call("enqueue_workflow_with_options", options, argument)
        return job_id

    async def cancel(self, job_id: str) -> None:
        await self._call("cancel_workflow", job_id)
        if task := self._working.get(job_id):
            await end_all([task])

    async def find(self, job_id: str) -> DurableJob | None:
        found = await self._call("get_workflow_status", job_id)
        return None if found is None else _job(found)

    async def jobs(self, kind: str, limit: int) -> list[DurableJob]:
        found = await self._call("list_workflows", name=kind, limit=limit, sort_desc=True)
        return [_job(one) for one in found]

    async def active(self, kind: str) -> list[DurableJob]:
        if self._is_started and not self.is_awake:
            return []
        found = await self._call("list_workflows", name=kind, status=_ACTIVE, sort_desc=True)
        return [_job(one) for one in found]

    async def record_use(self) -> RecordUse | None:
        """In a thread apart from those of jobs; one that hangs breaks nothing off."""
        try:
            return await asyncio.to_thread(self._record.use)
        except DBAPIError as error:
            raise self._record.failure(error) from error

    async def set_schedules(self, kind: str, schedules: Sequence[Schedule]) -> None:
        self._scheduler.set(kind, schedules)

    async def _call(self, method: str, *arguments: object, **named: object) -> Any:
        """What somebody asks for, see `_ask`."""
        self._used_at = time.monotonic()
        return await self._ask(method, *arguments, **named)

    async def _ask(self, method: str, *arguments: object, **named: object) -> Any:
        """One of DBOS's blocking calls; starts it if need be."""
        await self.start()
        async with self._changing:
            await self._wake()
            self._n_calls += 1
        try:
            found = await self._answer(partial(getattr(self._dbos, method), *arguments, **named))
        except JobsUnavailable as error:
            self._note(error)
            raise
        except DBAPIError as error:
            raise self._record.failure(error) from error
        finally:
            self._n_calls -= 1
        self._note(None)
        return found

    async def _answer(self, call: Callable[[], Any]) -> Any:
        try:
            async with asyncio.timeout(self._record.patience):
                # Not `to_thread`: a step's context would go along, and DBOS refuses to begin a job inside a step.
                return await asyncio.get_running_loop().run_in_executor(self._callers, call)
        except TimeoutError as error:
            self._record.break_off()
            raise JobsDatabaseAway(reason=f"no answer within {self._record.patience:g} s") from error

    def _note(self, trouble: RagkeeperError | None) -> None:
        if trouble and not self.trouble:
            _log.error("jobs_unavailable", code=trouble.code, reason=trouble.message, fix=trouble.advice)
        elif self.trouble and not trouble:
            _log.info("jobs_available_again")
        self.trouble = trouble

    async def _submit_scheduled(self, job_id: str, schedule: Schedule) -> None:
        await self.submit(schedule.kind, schedule.argument, job_id=job_id)

    async def _resume_dropped(self) -> bool:
        """Take up jobs that are under way by the record and by nobody: their outcome, or a step's, could not be noted.

        Only those seen so twice: one that has just been taken from the queue has not come to its handler yet.
        """
        try:
            await self._make_lost_lanes()
            under_way = await self._ask("list_workflows", status="PENDING", load_input=False, load_output=False)
        except JobsDatabaseAway:
            return False  # which is known now, and looked at again
        dropped = frozenset(one.workflow_id for one in under_way) - self._working.keys()
        for job_id in sorted(dropped & self._seen_dropped):
            _log.warning("job_taken_up_again", job=job_id)
            await self._ask("resume_workflow", job_id)
        self._seen_dropped = dropped - self._seen_dropped
        return False

    async def _make_lost_lanes(self) -> None:
        """Without this what is submitted would stay queued: into a queue that its record lost DBOS never looks again.

        A standby server that takes over, or a backup that is put back, may lack them.
        """
        known = {queue.name for queue in await self._ask("list_queues")}
        for lane in sorted({*self._lanes.values()} - known):
            _log.warning("job_queue_made_again", queue=lane)
            await self._ask("register_queue", lane, **_LANE)

    async def _forget_some(self) -> bool:
        """Every schedule makes jobs for ever. True when more of them may be left."""
        is_more = False
        for kind in self._handlers:
            old = await self._ask(
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
                await self._ask("delete_workflows", [one.workflow_id for one in old])
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
        try:
            dbos(config={**_CONFIG, **self._record.open()})
            for kind in self._handlers:
                dbos.workflow(name=kind)(self._workflow(dbos, kind, ours))
            dbos.launch()
            for lane in sorted(set(self._lanes.values())):
                dbos.register_queue(lane, **_LANE)
        except (DBAPIError, JobsUnavailable) as error:
            dbos.destroy(destroy_registry=True)
            self._record.close()
            raise error if isinstance(error, RagkeeperError) else self._record.failure(error) from error
        return dbos

    def _workflow(self, dbos: Any, kind: str, ours: asyncio.AbstractEventLoop) -> Callable[[Json], Awaitable[Json]]:
        """What DBOS runs, on its loop: it waits for the handler, which runs on ours."""

        async def workflow(argument: Json) -> Json:
            run = Run(dbos.workflow_id, dbos, asyncio.get_running_loop(), ours, contextvars.copy_context())
            return await on_loop(ours, self._handled(kind, run, argument))

        return workflow

    async def _handled(self, kind: str, run: Run, argument: Json) -> Json:
        handled = asyncio.ensure_future(self._handlers[kind](run, argument))
        self._working[run.job_id] = handled
        began = time.monotonic()
        try:
            outcome: dict[str, Any] = {"result": await handled}
        except RagkeeperError as error:
            outcome = {"code": error.code, "message": error.message}
        except Exception as error:  # noqa: BLE001 - the edge of one job: whatever it raises is its outcome
            _log.error("job_crashed", job=run.job_id, kind=kind, exc_info=error)
            outcome = {"code": "internal_error", "message": f"{type(error).__name__} inside the server"}
        finally:
            del self._working[run.job_id]
        seconds = time.monotonic() - began
        if "code" in outcome:
            about = json.dumps(argument, sort_keys=True)
            self._failed.add(FailedJob(run.job_id, kind, outcome["code"], outcome["message"], about), seconds)
        else:
            job_completed(self._metrics, kind, run.job_id, seconds)
        return outcome


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
