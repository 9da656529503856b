"""The report, from the history."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from ragkeeper.core.clock import Clock
from ragkeeper.operations.capacity.models import Days, Measure, Report
from ragkeeper.operations.capacity.rules import MEASURES, report
from ragkeeper.operations.history.models import Figures, Period, Resolution
from ragkeeper.operations.history.rules import point

_DAY = timedelta(days=1)
# Of a day of which less was seen, nothing is said.
_LEAST_OF_A_DAY = 0.5


class Past(Protocol):
    """What the report needs of the history."""

    async def periods(self, resolution: Resolution, since: datetime, until: datetime) -> list[Period]: ...


class CapacityService:
    def __init__(self, history: Past, clock: Clock) -> None:
        self._history = history
        self._clock = clock

    async def report(self, days: int = 30, days_ahead: int = 90) -> Report:
        """days: whole days to look back, the present one not counted; days_ahead: how far to look forward."""
        today = self._clock().astimezone(UTC).date()
        since = datetime(today.year, today.month, today.day, tzinfo=UTC) - days * _DAY
        found = await self._history.periods(Resolution.DAY, since, since + days * _DAY)
        known = {one.began.date(): one for one in found if _is_whole(one)}
        dates = [since.date() + number * _DAY for number in range(days)]
        rows = [known.get(one) for one in dates]
        parts = sorted({name for row in rows if row for name in _names(row.figures)})
        measures = [one for measure in MEASURES for one in _with_parts(measure, parts)]
        all_days = [_days(measure, dates[0], rows) for measure in measures]
        stages = {name: _means(f"stages:{name}", rows) for name in _stages(parts)}
        return await asyncio.to_thread(report, all_days, stages, today, days_ahead)


def _is_whole(period: Period) -> bool:
    return period.figures.seconds >= _LEAST_OF_A_DAY * Resolution.DAY


def _days(measure: Measure, first: date, rows: Sequence[Period | None]) -> Days:
    newest = next((row for row in reversed(rows) if row), None)
    return Days(measure, first, _means(measure.history, rows), _room(measure, newest))


def _means(name: str, rows: Sequence[Period | None]) -> list[float | None]:
    return [point(name, row).value if row else None for row in rows]


def _room(measure: Measure, newest: Period | None) -> float | None:
    levels = [newest.figures.levels.get(name) for name in measure.room] if newest else []
    return sum(level.most for level in levels if level) or None


def _with_parts(measure: Measure, names: Sequence[str]) -> list[Measure]:
    """Each disk apart; all disks together say nothing."""
    if measure.name != "disk_usage":
        return [measure]
    found = [name.partition(":")[2] for name in names if name.startswith("disk_free:")]
    return [measure.part(one) for one in found] or [measure]


def _stages(names: Sequence[str]) -> list[str]:
    return [name.partition(":")[2] for name in names if name.startswith("stages:")]


def _names(figures: Figures) -> set[str]:
    return {*figures.levels, *figures.counts, *figures.spreads}
