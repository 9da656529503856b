"""From means of days to an outlook, a limit and advice. No I/O, no clock."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np

from ragkeeper.operations.capacity.forecast import forecast
from ragkeeper.operations.capacity.models import (
    FEWEST_DAYS,
    Crossing,
    Days,
    Measure,
    Outlook,
    Recommendation,
    Report,
    Trend,
    Urgency,
)
from ragkeeper.operations.capacity.trend import FLAT, trend

MEASURES = (
    Measure("cpu_usage", "cpu", "percent", 80.0, ("processors",)),
    Measure("memory_usage", "memory", "percent", 85.0, ("memory_total",)),
    Measure("disk_usage", "disk", "percent", 90.0, ("disk_used", "disk_free")),
    Measure("request_rate", "requests", "per second"),
    Measure("response_time", "response_time", "seconds"),
    Measure("error_rate", "error_rate", "percent"),
    Measure("database_size", "database_bytes", "bytes"),
    Measure("index_size", "index_bytes", "bytes"),
    Measure("documents", "documents", ""),
    Measure("chunks", "chunks", ""),
    Measure("vectors", "vectors", ""),
    Measure("token_rate", "tokens", "per second"),
)

_WEEK = 7
_FULL = 100.0
_HIGH = {"cpu_usage": 90.0, "memory_usage": 95.0}
_MOST_REQUEST_GROWTH, _MOST_TIME_GROWTH = 50.0, 25.0
_SOON = timedelta(days=30)


def report(
    all_days: Sequence[Days], stages: Mapping[str, Sequence[float | None]], today: date, days_ahead: int
) -> Report:
    """stages: mean time per day of each stage of a search or an answer."""
    known = max((_known(one) for one in all_days), default=0)
    thin = {one.measure.name: _known(one) for one in all_days if _known(one) < FEWEST_DAYS}
    if known < FEWEST_DAYS:
        return Report(today, known, FEWEST_DAYS - known, days_ahead, unknown=thin)
    outlooks = [outlook(one, today, days_ahead) for one in all_days if one.measure.name not in thin]
    limiting = _first(outlooks)
    return Report(
        today,
        known,
        0,
        days_ahead,
        outlooks,
        limiting,
        advice(limiting) if limiting else "",
        recommendations(outlooks, growing_stage(stages), today),
        thin,
    )


def outlook(days: Days, today: date, days_ahead: int) -> Outlook:
    values = np.array([np.nan if mean is None else mean for mean in days.means], dtype=np.float64)
    found = forecast(values, _WEEK, days_ahead)
    most = _FULL if days.measure.unit == "percent" else np.inf
    steps = np.arange(1, days_ahead + 1)
    # Without the day of the week: what is asked for is a level.
    expected = found.level + found.growth * steps
    low, high = expected - (found.point - found.low), expected + (found.high - found.point)
    ahead = [tuple(float(np.clip(one, 0, most)) for one in three) for three in zip(expected, low, high, strict=True)]
    last = values[-_WEEK:][~np.isnan(values[-_WEEK:])]
    average = float(last.mean()) if len(last) else float(np.nanmean(values))
    current = float(np.clip(found.level, 0, most))
    peak = max(found.level, float(expected[-1]))
    crossing = _crossing(days.measure, current, ahead, today)  # type: ignore[arg-type] # three numbers each
    return Outlook(days, average, found.trend, current, peak, ahead, crossing)  # type: ignore[arg-type] # the same


def growing_stage(stages: Mapping[str, Sequence[float | None]]) -> str:
    """The stage whose time grows by the most seconds; empty where none does."""
    slopes = {name: _trend(means).slope for name, means in stages.items() if _trend(means).direction == "increasing"}
    return max(slopes, key=lambda name: slopes[name], default="")


def recommendations(outlooks: Sequence[Outlook], stage: str, today: date) -> list[Recommendation]:
    """The guide's four, and one for each disk that fills."""
    by_name = {one.measure.name: one for one in outlooks}
    found = [_load(by_name.get("cpu_usage"), "CPU", "CPU"), _load(by_name.get("memory_usage"), "Memory", "memory")]
    requests, times = by_name.get("request_rate"), by_name.get("response_time")
    if requests and requests.growth_percent > _MOST_REQUEST_GROWTH:
        reason = f"Request rate growth: {requests.growth_percent:.1f}%"
        found.append(Recommendation("Horizontal", "Add replicas", reason, Urgency.MEDIUM))
    if times and times.growth_percent > _MOST_TIME_GROWTH:
        slowest = f", most of it in the stage {stage}" if stage else ""
        reason = f"Response time degradation: {times.growth_percent:.1f}%{slowest}"
        found.append(Recommendation("Performance", "Optimize or scale", reason, Urgency.HIGH))
    found += [_disk(one, today) for one in outlooks if one.measure.name.startswith("disk_usage")]
    return [one for one in found if one is not None]


def advice(one: Outlook) -> str:
    """What to do about the first limit, and by when; empty where none is reached."""
    if one.crossing is None or one.crossing.expected is None:
        return ""
    when = "Now" if one.is_above else f"Before {one.crossing.earliest or one.crossing.expected}"
    return f"{when}: {_more(one) or 'reduce its load'}."


def _load(one: Outlook | None, kind: str, word: str) -> Recommendation | None:
    if one is None or one.crossing is None or one.crossing.expected is None:
        return None
    urgency = Urgency.HIGH if one.peak > _HIGH[one.measure.name] else Urgency.MEDIUM
    reason = f"Projected {word} usage: {one.projected:.1f}%"
    if one.is_above:
        reason = f"{kind} usage is above {one.measure.limit:.0f}% already: {one.current:.1f}%"
    return Recommendation(kind, "Scale up", reason, urgency)


def _disk(one: Outlook, today: date) -> Recommendation | None:
    if one.crossing is None or one.crossing.expected is None:
        return None
    place = one.measure.name.partition(":")[2] or "the disk"
    reason = f"{place} reaches {one.measure.limit:.0f}% on {one.crossing.expected}"
    if one.is_above:
        reason = f"{place} is above {one.measure.limit:.0f}% already: {one.current:.1f}%"
    urgency = Urgency.HIGH if one.crossing.expected - today <= _SOON else Urgency.MEDIUM
    return Recommendation("Disk", "Free or add space", reason, urgency)


def _more(one: Outlook) -> str:
    """What would keep it below its limit until the end of the time looked at."""
    room, limit = one.days.room, one.measure.limit
    if not room or not limit:
        return ""
    lacking = room * (one.peak / limit - 1)
    if one.measure.history == "cpu":
        return f"add {max(1, int(np.ceil(lacking)))} processor(s)"
    what = "memory" if one.measure.history == "memory" else f"space at {one.measure.name.partition(':')[2]}"
    # Up, never to nothing: what is added must be enough.
    return f"add {max(np.ceil(lacking / 1e8), 1) / 10:.1f} GB of {what}"


def _first(outlooks: Sequence[Outlook]) -> Outlook | None:
    reached = [one for one in outlooks if one.crossing is not None and one.crossing.expected is not None]
    return min(reached, key=lambda one: (one.crossing.expected, one.measure.name), default=None)  # type: ignore[union-attr] # they have one


def _crossing(
    measure: Measure, current: float, ahead: Sequence[tuple[float, float, float]], today: date
) -> Crossing | None:
    if measure.limit is None:
        return None
    if current >= measure.limit:
        return Crossing(today, today, today)
    expected, low, high = zip(*ahead, strict=True)
    return Crossing(*(_reached(line, measure.limit, today) for line in (expected, high, low)))


def _reached(line: Sequence[float], limit: float, today: date) -> date | None:
    return next((today + timedelta(days=day) for day, value in enumerate(line) if value >= limit), None)


def _known(days: Days) -> int:
    return sum(mean is not None for mean in days.means)


def _trend(means: Sequence[float | None]) -> Trend:
    if sum(mean is not None for mean in means) < FEWEST_DAYS:
        return FLAT
    return trend(np.array([np.nan if mean is None else mean for mean in means], dtype=np.float64))
