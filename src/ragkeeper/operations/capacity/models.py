"""The capacity report as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

FEWEST_DAYS = 14
"""Whole days without which nothing is said: each day of the week was seen twice."""

# A rise that chance alone would show in one of a hundred series is no trend yet.
_SIGNIFICANT = 0.01


@dataclass(frozen=True, slots=True)
class Trend:
    """slope: change per step, between `low` and `high` with the confidence asked for; fit: share of variance, R².

    probability: how often chance alone would show as much; kendall: from -1, always falling, to 1, always rising.
    """

    slope: float
    low: float
    high: float
    fit: float
    kendall: float
    probability: float

    @property
    def direction(self) -> str:
        """`increasing`, `decreasing`, or `none` where chance explains it."""
        if self.probability >= _SIGNIFICANT or not self.slope:
            return "none"
        return "increasing" if self.slope > 0 else "decreasing"


class Urgency(StrEnum):
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of the report. history: its name there; limit: above what it is too much; room: what 100 % of it is."""

    name: str
    history: str
    unit: str
    limit: float | None = None
    room: tuple[str, ...] = ()

    def part(self, value: str) -> "Measure":
        """The same of one disk, say."""
        room = tuple(f"{one}:{value}" for one in self.room)
        return Measure(f"{self.name}:{value}", f"{self.history}:{value}", self.unit, self.limit, room)


@dataclass(frozen=True, slots=True)
class Days:
    """What is known of a measure: one mean per whole day, the first on `first`; None where too little was seen.

    room: what 100 % of it is, at the end, in bytes or processors; None where it has no such thing.
    """

    measure: Measure
    first: date
    means: Sequence[float | None]
    room: float | None = None


@dataclass(frozen=True, slots=True)
class Crossing:
    """When a limit is reached: as it goes, at the earliest and at the latest; None: not within the time looked at."""

    expected: date | None
    earliest: date | None
    latest: date | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """One measure: where it is, how it goes, where it will be.

    average: mean of the last seven whole days; trend: per day, of all of them; ahead: (expected, low, high) for each
    day to come, and `current` is where it is now on that line; these are shown, so that no percentage of them is beyond
    100. peak: the most that is expected from now on, beyond 100 too: what is asked for, not what there will be.
    """

    days: Days
    average: float
    trend: Trend
    current: float
    peak: float
    ahead: Sequence[tuple[float, float, float]]
    crossing: Crossing | None

    @property
    def measure(self) -> Measure:
        return self.days.measure

    @property
    def projected(self) -> float:
        return self.ahead[-1][0]

    @property
    def is_above(self) -> bool:
        """Whether the limit is behind it, wherever it goes from here."""
        return self.measure.limit is not None and self.current >= self.measure.limit

    @property
    def growth_percent(self) -> float:
        """Of what it is now; 0 where that is nothing."""
        return 100 * (self.projected - self.current) / self.current if self.current > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Recommendation:
    type: str
    action: str
    reason: str
    urgency: Urgency


@dataclass(frozen=True, slots=True)
class Report:
    """known: whole days of history; missing: how many more are needed, 0 where there are enough.

    limiting: the measure whose limit is reached first; unknown: measures of which too little is known, and how much.
    """

    today: date
    known: int
    missing: int
    days_ahead: int
    outlooks: Sequence[Outlook] = ()
    limiting: Outlook | None = None
    advice: str = ""
    recommendations: Sequence[Recommendation] = ()
    unknown: Mapping[str, int] = field(default_factory=dict)
