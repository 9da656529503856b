"""Looking back: one figure over time, or all of them."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from ragkeeper.core.clock import Clock
from ragkeeper.operations.history import repository
from ragkeeper.operations.history.errors import HistoryUnknown, SpanInvalid
from ragkeeper.operations.history.models import Figures, Period, Resolution, Series
from ragkeeper.operations.history.rules import began, fitting, is_known, merged, point, rolled_up, unit
from ragkeeper.storage.sql.database import Database

# Rows that are read at once: between two such the event loop does other things.
_AT_ONCE = 120
_FINER = {Resolution.HOUR: Resolution.MINUTE, Resolution.DAY: Resolution.HOUR}
_LATEST = timedelta(hours=1)


class HistoryService:
    """Reads only; what the recorder has not written yet, the present minute say, is not seen here."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def series(
        self, name: str, since: datetime, until: datetime | None = None, resolution: Resolution | None = None
    ) -> Series:
        """name: of `table.KEPT` or `table.SHARES`, with `:part` for one part of it. Percentiles are of merged buckets.

        resolution: the finest that gives not too many points, where none is named. Raises HistoryUnknown, SpanInvalid.
        """
        if not is_known(name):
            raise HistoryUnknown(name=name)
        end = until or self._clock()
        resolution = resolution or fitting(since, end)
        found = await self.periods(resolution, since, end)
        points = tuple(point(name, period) for period in found)
        whole = point(name, Period(found[0].began, merged([one.figures for one in found]))) if found else None
        return Series(name, unit(name), resolution, points, whole)

    async def periods(self, resolution: Resolution, since: datetime, until: datetime) -> list[Period]:
        """All figures of each period that begins in the span; the last one may be under way. Raises SpanInvalid."""
        if since >= until:
            raise SpanInvalid(since=since.isoformat(), until=until.isoformat())
        found = await self._stored(resolution, since, until)
        finer = _FINER.get(resolution)
        if finer is None:
            return found
        after = found[-1].began + resolution.span if found else began(since, resolution)
        rest = await self.periods(finer, after, until) if after < until else []
        # The oldest periods may be kept in coarser rows alone, the newest in finer ones alone.
        return [*found, *(one for one in rolled_up(rest, resolution) if one.began >= since)]

    async def latest(self) -> tuple[Period | None, Sequence[str]]:
        """The newest period of the last hour, and the names of all figures in it."""
        now = self._clock()
        found = await self._stored(Resolution.MINUTE, now - _LATEST, now)
        return (found[-1], names(merged([one.figures for one in found]))) if found else (None, ())

    async def _stored(self, resolution: Resolution, since: datetime, until: datetime) -> list[Period]:
        found: list[Period] = []
        while True:
            async with self._database.read() as sql:
                rows = await repository.periods(sql, resolution, since, until, _AT_ONCE)
            found += rows
            if len(rows) < _AT_ONCE:
                return found
            since = rows[-1].began + resolution.span
            await asyncio.sleep(0)


def names(figures: Figures) -> list[str]:
    return sorted({*figures.levels, *figures.counts, *figures.spreads})
