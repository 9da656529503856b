"""Writes the history: looks at the metrics four times a minute, and keeps one row a minute, an hour and a day."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from ragkeeper.core.clock import Clock
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.foreground import Foreground
from ragkeeper.core.metrics import Metrics
from ragkeeper.jobs.loop import Loop
from ragkeeper.operations.history import repository
from ragkeeper.operations.history.models import PERIODS_KEPT, Figures, Keeping, Period, Resolution
from ragkeeper.operations.history.rules import began, merged, rolled_up
from ragkeeper.operations.history.sampling import Reading, between, read
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.errors import NotWritten

_log = structlog.get_logger()

_EVERY = 15.0
_PERIOD = timedelta(seconds=_EVERY)
# Minutes that wait for a database that takes no changes; older ones are lost, and that is said.
_MOST_WAITING = 240

Refresh = Callable[[], Awaitable[None]]
"""Brings gauges up to date that are looked up for each scrape. Must not raise."""


class HistoryRecorder:
    """`start` after the database has its schema; `stop` before it closes.

    held: why nothing may be written at this moment, empty where it may.
    """

    def __init__(
        self,
        database: Database,
        metrics: Metrics,
        refresh: Refresh,
        clock: Clock,
        foreground: Foreground,
        held: Callable[[], str] = lambda: "",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._refresh = refresh
        self._clock = clock
        self._foreground = foreground
        self._held = held
        self._monotonic = monotonic
        self._reading: Reading | None = None
        self._looked = monotonic()
        self._minutes: dict[datetime, Figures] = {}
        self._hour: datetime | None = None
        self._written_at: datetime | None = None
        self._lost = 0
        self._trouble = ""
        self._started = False
        self._loop = Loop("history", self._step, idle_seconds=_EVERY)

    @property
    def keeping(self) -> Keeping:
        return Keeping(self._written_at, self._next_at(), len(self._minutes), self._lost, self._trouble)

    def _next_at(self) -> datetime:
        """When the first look after the end of the oldest minute that waits is taken, at the latest."""
        now = self._clock()
        oldest = min(self._minutes, default=began(now, Resolution.MINUTE))
        return max(oldest + Resolution.MINUTE.span, now) + _PERIOD

    def recent(self) -> Figures:
        """The minutes that are not written yet: the last one or two, more while the database takes no changes."""
        newest = sorted(self._minutes)[-2:]
        return merged([self._minutes[minute] for minute in newest])

    def start(self) -> None:
        self._started = True
        self._loop.start()

    async def stop(self) -> None:
        """Write what there is, without waiting for what would have to be looked up; nothing where it never started."""
        await self._loop.stop()
        if not self._started:
            return
        try:
            await self._look()
            await self.write(until=self._clock() + Resolution.MINUTE.span)
        except (RagkeeperError, SQLAlchemyError) as error:
            _log.warning("history_not_written", reason=str(error))

    async def look(self) -> None:
        """Add what happened since the last look to the minute around the middle of that time."""
        await self._refresh()
        await self._look()

    async def _look(self) -> None:
        families = await asyncio.to_thread(self._metrics.families)
        reading, looked = await asyncio.to_thread(read, families), self._monotonic()
        seconds = looked - self._looked
        figures = between(self._reading, reading, seconds)
        self._reading, self._looked = reading, looked
        minute = began(self._clock() - timedelta(seconds=seconds / 2), Resolution.MINUTE)
        # What was seen lies in the past: a minute ahead of now is of a clock that was set back since.
        ahead = [self._minutes.pop(one) for one in sorted(self._minutes) if one >= minute]
        self._minutes[minute] = merged([*ahead, figures])
        for oldest in sorted(self._minutes)[:-_MOST_WAITING]:
            del self._minutes[oldest]
            self._lost += 1

    async def write(self, until: datetime) -> None:
        """Write the minutes that have ended by then. Where nothing can be written they wait, and `keeping` says why."""
        due = sorted(minute for minute in self._minutes if minute + Resolution.MINUTE.span <= until)
        reason = self._held()
        try:
            for minute in () if reason else due:
                await self._write_minute(minute)
        except NotWritten as error:
            reason = error.message
        if reason and not self._trouble:
            _log.warning("history_not_written", reason=reason, kept_in_memory=f"{_MOST_WAITING} minutes")
        elif self._trouble and not reason:
            _log.info("history_written_again", minutes=len(due), lost=self._lost)
        self._trouble = reason

    async def _step(self) -> bool:
        await self.look()
        await self.write(until=self._clock())
        return False

    async def _write_minute(self, minute: datetime) -> None:
        async with self._foreground.turn(), self._database.write() as sql:
            await repository.add(sql, Resolution.MINUTE, Period(minute, self._minutes[minute]))
        del self._minutes[minute]
        self._written_at = self._clock()
        hour = began(minute, Resolution.HOUR)
        if hour != self._hour:
            await self._roll_up(minute)
            self._hour = hour

    async def _roll_up(self, now: datetime) -> None:
        """Bring hours and days up to `now`, and forget what is too old.

        The newest ones are made again: figures may have come late. Each is a transaction of its own.
        """
        for fine, coarse in ((Resolution.MINUTE, Resolution.HOUR), (Resolution.HOUR, Resolution.DAY)):
            for period in await self._ended(fine, coarse, began(now, coarse)):
                async with self._foreground.turn(), self._database.write() as sql:
                    await repository.replace(sql, coarse, period)
        for resolution, most in PERIODS_KEPT.items():
            async with self._foreground.turn(), self._database.write() as sql:
                await repository.remove_all_but(sql, resolution, most)

    async def _ended(self, fine: Resolution, coarse: Resolution, until: datetime) -> list[Period]:
        async with self._database.read() as sql:
            newest = await repository.newest(sql, coarse, until)
            since = newest or await repository.oldest(sql, fine) or until
            found = await repository.periods(sql, fine, since, until, PERIODS_KEPT[fine])
        return rolled_up(found, coarse)
