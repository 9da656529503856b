"""The capacity report as it crosses HTTP; the text and the page are made from the same object."""

from datetime import date, datetime, timedelta
from typing import Self

from pydantic import BaseModel

from ragkeeper.operations.capacity.models import FEWEST_DAYS, Crossing, Outlook, Recommendation, Report, Urgency

_DIGITS = 6


class TrendView(BaseModel):
    """growth_rate_per_day lies between low and high in 80 % of all cases; trend: increasing, decreasing or none."""

    growth_rate_per_day: float
    low: float
    high: float
    r_squared: float
    current_average: float
    trend: str
    unit: str
    history: list[tuple[date, float | None]]

    @classmethod
    def of(cls, one: Outlook) -> Self:
        first = one.days.first
        return cls(
            growth_rate_per_day=_short(one.trend.slope),
            low=_short(one.trend.low),
            high=_short(one.trend.high),
            r_squared=_short(one.trend.fit),
            current_average=_short(one.average),
            trend=one.trend.direction,
            unit=one.measure.unit,
            history=[
                (first + timedelta(days=number), None if mean is None else _short(mean))
                for number, mean in enumerate(one.days.means)
            ],
        )


class ProjectionView(BaseModel):
    """low and high hold the projected value in 80 % of all cases; a limit that is not reached has no date."""

    current: float
    projected: float
    low: float
    high: float
    growth_total: float
    growth_percent: float
    limit: float | None
    limit_reached: date | None = None
    earliest: date | None = None
    latest: date | None = None
    forecast: list[tuple[date, float, float, float]]

    @classmethod
    def of(cls, one: Outlook, today: date) -> Self:
        expected, low, high = one.ahead[-1]
        crossing = one.crossing or Crossing(None, None, None)
        return cls(
            current=_short(one.current),
            projected=_short(expected),
            low=_short(low),
            high=_short(high),
            growth_total=_short(expected - one.current),
            growth_percent=_short(one.growth_percent),
            limit=one.measure.limit,
            limit_reached=crossing.expected,
            earliest=crossing.earliest,
            latest=crossing.latest,
            forecast=[
                (today + timedelta(days=number), _short(value), _short(least), _short(most))
                for number, (value, least, most) in enumerate(one.ahead)
            ],
        )


class LimitingView(BaseModel):
    """What runs out first."""

    name: str
    limit: float
    reached: date
    earliest: date | None
    latest: date | None
    advice: str

    @classmethod
    def of(cls, report: Report) -> Self | None:
        one = report.limiting
        if one is None or one.crossing is None or one.crossing.expected is None or one.measure.limit is None:
            return None
        return cls(
            name=one.measure.name,
            limit=one.measure.limit,
            reached=one.crossing.expected,
            earliest=one.crossing.earliest,
            latest=one.crossing.latest,
            advice=report.advice,
        )


class RecommendationView(BaseModel):
    type: str
    action: str
    reason: str
    urgency: Urgency

    @classmethod
    def of(cls, one: Recommendation) -> Self:
        return cls(type=one.type, action=one.action, reason=one.reason, urgency=one.urgency)


class CapacityView(BaseModel):
    """enough: whether there is history for a report; without it everything else is empty.

    unknown: measures of which too few days are known, and how many are.
    """

    generated: datetime
    enough: bool
    days_known: int
    days_needed: int
    days_missing: int
    days_ahead: int
    trends: dict[str, TrendView]
    projections: dict[str, ProjectionView]
    limiting: LimitingView | None
    recommendations: list[RecommendationView]
    unknown: dict[str, int]

    @classmethod
    def of(cls, report: Report, now: datetime) -> Self:
        return cls(
            generated=now,
            enough=report.missing == 0,
            days_known=report.known,
            days_needed=FEWEST_DAYS,
            days_missing=report.missing,
            days_ahead=report.days_ahead,
            trends={one.measure.name: TrendView.of(one) for one in report.outlooks},
            projections={one.measure.name: ProjectionView.of(one, report.today) for one in report.outlooks},
            limiting=LimitingView.of(report),
            recommendations=[RecommendationView.of(one) for one in report.recommendations],
            unknown=dict(report.unknown),
        )


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
