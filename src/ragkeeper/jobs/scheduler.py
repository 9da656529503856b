"""Submits jobs when their schedule says so; what has run is known from the jobs themselves."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime

from ragkeeper.core.clock import Clock
from ragkeeper.jobs.cron import check_cron, latest_run, next_run
from ragkeeper.jobs.loop import Loop
from ragkeeper.jobs.port import Schedule

# A clock may be set while we sleep: it is looked at this often, in seconds.
_LONGEST_SLEEP = 20.0

Submit = Callable[[str, Schedule], Awaitable[None]]


class Scheduler:
    """`submit` gets a job's id and its schedule; an id it has had before must change nothing."""

    def __init__(self, submit: Submit, clock: Clock) -> None:
        self._submit = submit
        self._clock = clock
        self._schedules: dict[str, list[Schedule]] = {}
        self._since: dict[str, datetime] = {}
        self._submitted: dict[str, str] = {}
        self._loop = Loop("schedules", self._step, idle_seconds=_LONGEST_SLEEP)

    def set(self, kind: str, schedules: Sequence[Schedule]) -> None:
        """Raises CronInvalid, before anything is changed."""
        for schedule in schedules:
            check_cron(schedule.cron)
        self._schedules[kind] = list(schedules)
        now = self._clock()
        self._since = {one.name: one.since or self._since.get(one.name, now) for one in self._all}
        self._submitted = {name: self._submitted[name] for name in self._since.keys() & self._submitted.keys()}
        self._loop.wake()

    def start(self) -> None:
        self._loop.start()

    async def stop(self) -> None:
        await self._loop.stop()

    async def submit_due(self) -> None:
        """Submit what is due by now and has not been submitted."""
        now = self._clock()
        for schedule in self._all:
            due = latest_run(schedule.cron, now)
            job_id = f"{schedule.name}@{due:%Y-%m-%dT%H:%M}"
            # A clock that was ahead has been set right: nothing waits until it is as late again.
            since = self._since[schedule.name] = min(self._since[schedule.name], now)
            if due > since and self._submitted.get(schedule.name) != job_id:
                await self._submit(job_id, schedule)
                self._submitted[schedule.name] = job_id

    @property
    def _all(self) -> Iterable[Schedule]:
        return [schedule for schedules in self._schedules.values() for schedule in schedules]

    async def _step(self) -> bool:
        await self.submit_due()
        now = self._clock()
        coming = [(next_run(schedule.cron, now) - now).total_seconds() for schedule in self._all]
        await asyncio.sleep(min([_LONGEST_SLEEP, *coming]))
        return bool(coming)
