"""Histories that never happened: hours of figures with a known course."""

import asyncio
import math
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ragkeeper.operations.history import repository
from ragkeeper.operations.history.models import Figures, Level, Period, Resolution, Spread
from ragkeeper.storage.sql.database import Database

HOUR = timedelta(hours=1)
GIGABYTE = 1e9

Course = Callable[[float], float]
"""A value by days since the beginning, and part of a day."""


def steady(value: float) -> Course:
    return lambda _day: value


def growing(start: float, per_day: float) -> Course:
    return lambda day: start + per_day * day


def daily(course: Course, swing: float, noise: float = 0.0, seed: int = 1) -> Course:
    """Higher by day than by night, and never quite the same."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    return lambda day: course(day) + swing * math.sin(2 * math.pi * day) + chance.gauss(0, noise)


def midnight(moment: datetime | None = None) -> datetime:
    return (moment or datetime.now(UTC)).replace(hour=0, minute=0, second=0, microsecond=0)


USUAL: Mapping[str, Course] = {
    "cpu": steady(30),
    "memory": steady(50),
    "disk": steady(40),
    "requests": steady(2),
    "seconds": steady(0.2),
    "embed": steady(0.1),
    "database": steady(GIGABYTE),
}


def hours(since: datetime, days: float, **courses: Course) -> list[Period]:
    """cpu, memory, disk: percent of 4 processors, 16 GB and 100 GB; requests: per second; database: bytes."""
    found = []
    for number in range(round(days * 24)):
        values = {name: course(number / 24) for name, course in {**USUAL, **courses}.items()}
        found.append(Period(since + number * HOUR, _figures(values)))
    return found


def _figures(value: Mapping[str, float]) -> Figures:
    requests = max(value["requests"], 0) * 3600
    used, free = _level(value["disk"] * GIGABYTE), _level((100 - value["disk"]) * GIGABYTE)
    return Figures(
        3600.0,
        {
            "processors": _level(4),
            "memory_total": _level(16 * GIGABYTE),
            "memory_free": _level(16 * GIGABYTE * (1 - value["memory"] / 100)),
            "disk_used": used,
            "disk_free": free,
            "disk_used:/srv": used,
            "disk_free:/srv": free,
            "database_bytes": _level(value["database"]),
        },
        {
            "cpu_busy": 4 * 3600 * value["cpu"] / 100,
            "cpu_idle": 4 * 3600 * (1 - value["cpu"] / 100),
            "requests": requests,
            "errors": 0.0,
        },
        {
            "response_time": _spread(value["seconds"], requests),
            "stages:embed": _spread(value["embed"], 100),
            "stages:search": _spread(0.05, 100),
        },
    )


def remember(database: Path, periods: Sequence[Period]) -> None:
    """Write hours into a server's database, beside what is there; the server may run."""
    asyncio.run(_remember(database, periods))


async def _remember(path: Path, periods: Sequence[Period]) -> None:
    database = Database(f"sqlite:///{path}")
    try:
        async with database.write() as sql:
            for period in periods:
                await repository.replace(sql, Resolution.HOUR, period)
    finally:
        await database.close()


def _level(value: float) -> Level:
    return Level(1, value, value, value)


def _spread(mean: float, count: float) -> Spread:
    return Spread(mean * count, {mean / 2: 0.0, mean * 2: count})
