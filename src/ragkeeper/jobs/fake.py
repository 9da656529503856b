"""The engine for tests: jobs in memory. What `FakeStore` holds outlives an engine, as a disk would."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ragkeeper.core.clock import Clock, utc_now
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.ids import new_id
from ragkeeper.jobs.cron import check_cron
from ragkeeper.jobs.port import DurableJob, DurableState, Handler, Json, RecordUse, Schedule


@dataclass(slots=True)
class FakeStore:
    jobs: dict[str, DurableJob] = field(default_factory=dict)
    steps: dict[tuple[str, int], Json] = field(default_factory=dict)
    schedules: dict[str, list[Schedule]] = field(default_factory=dict)


class FakeJobEngine:
    """Schedules are kept, and never run by themselves."""

    def __init__(self, store: FakeStore | None = None, clock: Clock = utc_now) -> None:
        self.trouble: RagkeeperError | None = None
        self.store = store or FakeStore()
        self._clock = clock
        self._handlers: dict[str, Handler] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._started = False

    def handle(self, kind: str, handler: Handler, *, lane: str = "jobs") -> None:  # noqa: ARG002 - none waits here
        self._handlers[kind] = handler

    async def start(self) -> None:
        if self._started:
            return
        self._started = True
        for job in self.store.jobs.values():
            if not job.state.is_final:
                self._begin(job)

    async def stop(self) -> None:
        self._started = False
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()

    async def submit(self, kind: str, argument: Json, *, job_id: str | None = None) -> str:
        await self.start()
        job_id = job_id or new_id()
        if job_id not in self.store.jobs:
            now = self._clock()
            job = DurableJob(job_id, kind, argument, DurableState.QUEUED, now, now)
            self.store.jobs[job_id] = job
            self._begin(job)
        return job_id

    async def cancel(self, job_id: str) -> None:
        job = self.store.jobs.get(job_id)
        if job is None or job.state.is_final:
            return
        self._change(job_id, state=DurableState.CANCELLED)
        if task := self._tasks.get(job_id):
            task.cancel()
            await asyncio.wait([task])

    async def find(self, job_id: str) -> DurableJob | None:
        return self.store.jobs.get(job_id)

    async def jobs(self, kind: str, limit: int) -> list[DurableJob]:
        found = [job for job in self.store.jobs.values() if job.kind == kind]
        return sorted(found, key=lambda job: (job.created_at, job.id), reverse=True)[:limit]

    async def active(self, kind: str) -> list[DurableJob]:
        return [job for job in await self.jobs(kind, len(self.store.jobs)) if not job.state.is_final]

    async def record_use(self) -> RecordUse | None:
        return None

    async def set_schedules(self, kind: str, schedules: Sequence[Schedule]) -> None:
        for schedule in schedules:
            check_cron(schedule.cron)
        self.store.schedules[kind] = list(schedules)

    def _begin(self, job: DurableJob) -> None:
        self._tasks[job.id] = asyncio.create_task(self._run(job))

    async def _run(self, job: DurableJob) -> None:
        self._change(job.id, state=DurableState.RUNNING)
        try:
            result = await self._handlers[job.kind](_FakeRun(job.id, self.store), job.argument)
        except RagkeeperError as error:
            self._change(job.id, state=DurableState.FAILED, code=error.code, message=error.message)
        except Exception as error:  # noqa: BLE001 - the edge of one job: whatever it raises is its outcome
            message = f"{type(error).__name__} inside the server"
            self._change(job.id, state=DurableState.FAILED, code="internal_error", message=message)
        else:
            self._change(job.id, state=DurableState.DONE, result=result)

    def _change(self, job_id: str, **changes: Any) -> None:
        job = self.store.jobs[job_id]
        self.store.jobs[job_id] = replace(job, updated_at=self._clock(), **changes)


@dataclass(slots=True)
class _FakeRun:
    job_id: str
    store: FakeStore
    taken: int = 0

    async def step(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:  # noqa: ARG002 - the port's parameter
        key = (self.job_id, self.taken)
        self.taken += 1
        if key not in self.store.steps:
            self.store.steps[key] = await work()
        return self.store.steps[key]
