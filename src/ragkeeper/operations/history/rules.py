"""Merging figures, and reading rates and percentiles from them. No I/O, no clock."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TypeVar

from ragkeeper.operations.history.models import Figures, Level, Period, Point, Resolution, Spread
from ragkeeper.operations.history.table import KEPT, SHARES, KeptSpread, Share

PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_MOST_POINTS = 1500
_HUNDRED = 100.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Name = TypeVar("Name", str, float)
Value = TypeVar("Value")


def began(moment: datetime, resolution: Resolution) -> datetime:
    """When the period around a moment began."""
    return moment - (moment - _EPOCH) % resolution.span


def merged(all_figures: Iterable[Figures]) -> Figures:
    """The figures of all the stretches together; percentiles of that are right, as buckets are added up."""
    found = list(all_figures)
    return Figures(
        sum(one.seconds for one in found),
        _by_name([one.levels for one in found], _one_level),
        _by_name([one.counts for one in found], sum),
        _by_name([one.spreads for one in found], _one_spread),
    )


def rolled_up(periods: Sequence[Period], resolution: Resolution) -> list[Period]:
    """Periods in order, as longer ones."""
    groups = groupby(periods, key=lambda period: began(period.began, resolution))
    return [Period(start, merged([one.figures for one in group])) for start, group in groups]


def percentile(spread: Spread, share: float) -> float | None:
    """The value that `share` of the observations do not exceed, even inside a bucket; None without observations.

    Above the last finite bound nothing is known: that bound is returned.
    """
    wanted, below, lower = share * spread.count, 0.0, 0.0
    if not spread.count:
        return None
    for bound in sorted(spread.counts):
        inside = spread.counts[bound]
        if below + inside >= wanted and inside:
            return lower if math.isinf(bound) else lower + (bound - lower) * (wanted - below) / inside
        below, lower = below + inside, bound if not math.isinf(bound) else lower
    return lower


def point(name: str, period: Period) -> Point:
    """One period of a series; its value is None where nothing is known."""
    figures = period.figures
    share = _share(name)
    if share is not None:
        return Point(period.began, figures.seconds, percentage(share, figures, name.partition(":")[2]))
    if (level := figures.levels.get(name)) is not None:
        return Point(period.began, figures.seconds, level.mean, level.least, level.most)
    if is_spread(name):
        return _duration(period, figures.spreads.get(name))
    return Point(period.began, figures.seconds, _rate(figures, name))


def percentage(share: Share, figures: Figures, part: str = "") -> float | None:
    """Between 0 and 100; None where there is no whole."""
    suffix = f":{part}" if part else ""
    amount, *parts = (_amount(figures, name + suffix) for name in (share.part, *share.whole))
    known = [part for part in parts if part is not None]
    if amount is None or len(known) < len(parts) or not sum(known):
        return None
    of = _HUNDRED * amount / sum(known)
    return min(max(_HUNDRED - of if share.rest else of, 0.0), _HUNDRED)


def is_spread(name: str) -> bool:
    return any(isinstance(kept, KeptSpread) and kept.name == name.partition(":")[0] for kept in KEPT)


def is_known(name: str) -> bool:
    head = name.partition(":")[0]
    return _share(name) is not None or any(kept.name == head for kept in KEPT)


def unit(name: str) -> str:
    share, head = _share(name), name.partition(":")[0]
    return share.unit if share else next(kept.unit for kept in KEPT if kept.name == head)


def fitting(since: datetime, until: datetime) -> Resolution:
    """The finest resolution that shows a span in few enough points."""
    seconds = (until - since).total_seconds()
    return next((one for one in Resolution if seconds / one <= _MOST_POINTS), Resolution.DAY)


def _share(name: str) -> Share | None:
    return next((share for share in SHARES if share.name == name.partition(":")[0]), None)


def _amount(figures: Figures, name: str) -> float | None:
    level = figures.levels.get(name)
    return level.mean if level else figures.counts.get(name)


def _rate(figures: Figures, name: str) -> float | None:
    """Parts that did not happen are not stored, but their whole is."""
    known = name in figures.counts or name.partition(":")[0] in figures.counts
    return figures.counts.get(name, 0.0) / figures.seconds if known and figures.seconds else None


def _duration(period: Period, spread: Spread | None) -> Point:
    seconds = period.figures.seconds
    if spread is None or not spread.count:
        return Point(period.began, seconds, None, count=0.0)
    found = {name: percentile(spread, share) or 0.0 for name, share in PERCENTILES.items()}
    return Point(period.began, seconds, spread.total / spread.count, count=spread.count, percentiles=found)


def _one_level(levels: Sequence[Level]) -> Level:
    return Level(
        sum(one.looks for one in levels),
        sum(one.total for one in levels),
        min(one.least for one in levels),
        max(one.most for one in levels),
    )


def _one_spread(spreads: Sequence[Spread]) -> Spread:
    return Spread(sum(one.total for one in spreads), _by_name([one.counts for one in spreads], sum))


def _by_name(parts: Sequence[Mapping[Name, Value]], one: Callable[[list[Value]], Value]) -> dict[Name, Value]:
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: one([part[name] for part in parts if name in part]) for name in names}


def described() -> dict[str, str]:
    """What each remembered figure is, by name."""
    return {kept.name: kept.help for kept in KEPT} | {share.name: share.help for share in SHARES}
