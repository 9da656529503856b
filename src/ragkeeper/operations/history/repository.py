"""The history's rows: one a minute, hour or day, with all figures of it."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.operations.history.models import Figures, Level, Period, Resolution, Spread
from ragkeeper.operations.history.rules import merged
from ragkeeper.storage.sql.tables import history

_DIGITS = 7
_ABOVE = "+"  # JSON has no infinity


async def add(sql: AsyncConnection, resolution: Resolution, period: Period) -> None:
    """Together with what the row holds already."""
    found = await _stored(sql, resolution, period.began)
    figures = merged([found, period.figures]) if found else period.figures
    await replace(sql, resolution, Period(period.began, figures))


async def replace(sql: AsyncConnection, resolution: Resolution, period: Period) -> None:
    at = (history.c.resolution == resolution, history.c.at == period.began)
    await sql.execute(delete(history).where(*at))
    await sql.execute(
        insert(history).values(resolution=int(resolution), at=period.began, figures=_as_json(period.figures))
    )


async def periods(
    sql: AsyncConnection, resolution: Resolution, since: datetime, until: datetime, most: int
) -> list[Period]:
    """Up to `most` rows that begin in the span, the oldest first."""
    query = (
        select(history.c.at, history.c.figures)
        .where(history.c.resolution == resolution, history.c.at >= since, history.c.at < until)
        .order_by(history.c.at)
        .limit(most)
    )
    return [Period(row.at, _from_json(row.figures)) for row in await sql.execute(query)]


async def newest(sql: AsyncConnection, resolution: Resolution, until: datetime) -> datetime | None:
    """When the newest row began that began before."""
    query = select(func.max(history.c.at)).where(history.c.resolution == resolution, history.c.at < until)
    found: datetime | None = (await sql.execute(query)).scalar_one()
    return found


async def oldest(sql: AsyncConnection, resolution: Resolution) -> datetime | None:
    query = select(func.min(history.c.at)).where(history.c.resolution == resolution)
    found: datetime | None = (await sql.execute(query)).scalar_one()
    return found


async def remove_all_but(sql: AsyncConnection, resolution: Resolution, most: int) -> None:
    """Keep the newest rows. By number and not by age: a clock that was wrong for a while removes nothing."""
    of = history.c.resolution == resolution
    query = select(history.c.at).where(of).order_by(history.c.at.desc()).offset(most - 1).limit(1)
    last = (await sql.execute(query)).scalar_one_or_none()
    if last is not None:
        await sql.execute(delete(history).where(of, history.c.at < last))


async def _stored(sql: AsyncConnection, resolution: Resolution, at: datetime) -> Figures | None:
    query = select(history.c.figures).where(history.c.resolution == resolution, history.c.at == at)
    found = (await sql.execute(query)).scalar_one_or_none()
    return None if found is None else _from_json(found)


def _as_json(figures: Figures) -> dict[str, Any]:
    return {
        "s": _short(figures.seconds),
        "l": {name: _numbers(one.looks, one.total, one.least, one.most) for name, one in figures.levels.items()},
        "c": {name: _short(value) for name, value in figures.counts.items()},
        "d": {name: [_short(one.total), _buckets(one)] for name, one in figures.spreads.items()},
    }


def _from_json(stored: dict[str, Any]) -> Figures:
    return Figures(
        stored["s"],
        {name: Level(*numbers) for name, numbers in stored["l"].items()},
        stored["c"],
        {name: Spread(total, _counts(buckets)) for name, (total, buckets) in stored["d"].items()},
    )


def _buckets(spread: Spread) -> dict[str, float]:
    return {_ABOVE if math.isinf(bound) else f"{bound:g}": _short(count) for bound, count in spread.counts.items()}


def _counts(buckets: dict[str, float]) -> dict[float, float]:
    return {math.inf if bound == _ABOVE else float(bound): count for bound, count in buckets.items()}


def _numbers(*values: float) -> Sequence[float]:
    return [_short(value) for value in values]


def _short(value: float) -> float:
    """Seven digits; whole numbers without a point."""
    rounded = float(f"{value:.{_DIGITS}g}")
    return int(rounded) if rounded.is_integer() else rounded
