"""What crosses HTTP about the history."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import BaseModel

from ragkeeper.operations.history.models import Keeping, Point, Resolution, Series


class ResolutionName(StrEnum):
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def resolution(self) -> Resolution:
        return Resolution[self.name]


class PointView(BaseModel):
    """One period. value: a mean, a rate per second or a percentage; null where nothing is known."""

    at: datetime
    seconds: float
    value: float | None
    least: float | None = None
    most: float | None = None
    count: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None

    @classmethod
    def of(cls, point: Point) -> Self:
        known = point.percentiles or {}
        return cls(
            at=point.began,
            seconds=point.seconds,
            value=point.value,
            least=point.least,
            most=point.most,
            count=point.count,
            p50=known.get("p50"),
            p95=known.get("p95"),
            p99=known.get("p99"),
        )


class SeriesView(BaseModel):
    """A figure over time; `whole` is all of the span together, with percentiles of all its observations."""

    name: str
    unit: str
    resolution: ResolutionName
    whole: PointView | None
    points: list[PointView]

    @classmethod
    def of(cls, series: Series) -> Self:
        return cls(
            name=series.name,
            unit=series.unit,
            resolution=ResolutionName[series.resolution.name],
            whole=PointView.of(series.whole) if series.whole else None,
            points=[PointView.of(point) for point in series.points],
        )


class KeepingView(BaseModel):
    """Whether the history is written, and when the next minute of it will be; `waiting` and `lost` are minutes."""

    written_at: datetime | None
    next_at: datetime
    waiting: int
    lost: int
    trouble: str

    @classmethod
    def of(cls, keeping: Keeping) -> Self:
        return cls(
            written_at=keeping.written_at,
            next_at=keeping.next_at,
            waiting=keeping.waiting,
            lost=keeping.lost,
            trouble=keeping.trouble,
        )


class NewestView(BaseModel):
    """A remembered figure and its newest value."""

    name: str
    unit: str
    help: str
    at: datetime | None
    value: float | None


class HistoryView(BaseModel):
    keeping: KeepingView
    series: list[NewestView]
