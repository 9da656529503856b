"""Figures of a stretch of time, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum


class Resolution(IntEnum):
    """Seconds of one period."""

    MINUTE = 60
    HOUR = 3600
    DAY = 86400

    @property
    def span(self) -> timedelta:
        return timedelta(seconds=self.value)


PERIODS_KEPT = {Resolution.MINUTE: 2880, Resolution.HOUR: 2208, Resolution.DAY: 3653}
"""Most rows of each resolution: two days of minutes, 92 days of hours, ten years of days."""


@dataclass(frozen=True, slots=True)
class Level:
    """What a gauge showed: how often it was looked at, the sum of that, the least and the most."""

    looks: int
    total: float
    least: float
    most: float

    @property
    def mean(self) -> float:
        return self.total / self.looks


@dataclass(frozen=True, slots=True)
class Spread:
    """Observations of a histogram: their sum, and how many fell into the bucket below each upper bound."""

    total: float
    counts: Mapping[float, float]

    @property
    def count(self) -> float:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Figures:
    """What was seen in `seconds` of watching, by name; a part is named `whole:part`."""

    seconds: float
    levels: Mapping[str, Level] = field(default_factory=dict)
    counts: Mapping[str, float] = field(default_factory=dict)
    spreads: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Period:
    """The figures of a minute, an hour or a day that began then."""

    began: datetime
    figures: Figures


@dataclass(frozen=True, slots=True)
class Point:
    """One period of one series. value: the mean of a level or of a duration, a rate per second, or a percentage.

    count: how many observations it comes from, of durations; percentiles by name, of durations alone.
    """

    began: datetime
    seconds: float
    value: float | None
    least: float | None = None
    most: float | None = None
    count: float | None = None
    percentiles: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A figure over time. whole: of all periods together."""

    name: str
    unit: str
    resolution: Resolution
    points: tuple[Point, ...]
    whole: Point | None


@dataclass(frozen=True, slots=True)
class Keeping:
    """How the history is kept. trouble: why the newest figures were not written; waiting, lost: minutes of them.

    next_at: when the next minute will have been written.
    """

    written_at: datetime | None
    next_at: datetime
    waiting: int
    lost: int
    trouble: str
