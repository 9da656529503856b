"""Where a series goes: the one of a few simple models that would have been best so far, and how wrong it was.

Levels are medians of the latest seasons, seasons are medians of each phase, growth is Theil's and Sen's. Which of them
are used is decided by forecasts of the series' own past from its past before; their errors, lead by lead, also make the
interval. See docs/decisions/0013-history-and-forecasts.md for figures. No I/O, no clock.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from ragkeeper.operations.capacity.models import Trend
from ragkeeper.operations.capacity.trend import Values, trend

COVERAGE = 0.8
# Seasons whose median is the level: the last, the last three, the last seven, all.
_WINDOWS = (1, 3, 7, None)
_MOST_ORIGINS = 16
# Student's t for COVERAGE with 1 to 3 degrees of freedom: errors that are so few have no quantiles to speak of.
_STUDENT = (3.078, 1.886, 1.638)
_FEWEST_BLOCKS = 10


@dataclass(frozen=True, slots=True)
class Model:
    """window: seasons that make the level, None for all; season: the phase counts; growth: the trend goes on."""

    window: int | None
    season: bool
    growth: bool


@dataclass(frozen=True, slots=True)
class Forecast:
    """One value per step ahead, and between what it lies in COVERAGE of all cases.

    level: where it is at the last known step, without its season; growth: what it gains per step from there on.
    trend: per step, of the past, whether the forecast goes on with it or not.
    """

    point: Values
    low: Values
    high: Values
    level: float
    growth: float
    trend: Trend
    model: Model


def forecast(values: Values, period: int, ahead: int) -> Forecast:
    """values: one per step, NaN where unknown, at least two periods of them; period: steps of a season.

    Raises ValueError with fewer than two known values.
    """
    past = values.astype(np.float64)
    if (~np.isnan(past)).sum() < 2:  # noqa: PLR2004 - nothing can be told from one
        raise ValueError(len(past))
    growth = _growth(past, period)
    models = _models(past, period, growth)
    origins = {at: _slope(past[:at], period, models) for at in _origins(len(past), period) if _told(past[:at])}
    trials = {model: _errors(past, period, model, origins) for model in models}
    best = min(models, key=lambda model: _mean_error(trials[model]))
    slope = growth.slope if best.growth else 0.0
    level, season = _fitted(past, period, best, slope)
    steps = np.arange(len(past), len(past) + ahead)
    point = level + slope * (steps - len(past) + 1) + season[steps % period]
    seasons = (len(past) - min(origins, default=0)) / period
    below, above = _widths(trials[best], ahead, 1 + 1 / max(seasons, 1.0))
    drift = np.arange(1, ahead + 1)
    # Growth that the model leaves out may be there all the same.
    low = np.hypot(below, drift * (max(growth.slope, slope) - growth.low))
    high = np.hypot(above, drift * (growth.high - min(growth.slope, slope)))
    return Forecast(point, point - low, point + high, level, slope, growth, best)


def _models(past: Values, period: int, growth: Trend) -> list[Model]:
    seasons = (False, True) if len(past) >= 2 * period > 2 else (False,)  # noqa: PLR2004 - a season is seen twice
    windows = [one for one in _WINDOWS if one is None or one * period < len(past)]
    grows = (False,) if growth.direction == "none" else (False, True)
    return [Model(*one) for one in product(windows, seasons, grows)]


def _growth(past: Values, period: int) -> Trend:
    """Per step, of the means of whole seasons; of single steps without their phase where there are few seasons."""
    blocks = len(past) // period
    if period > 1 and blocks >= _FEWEST_BLOCKS:
        found = trend(_means(past[len(past) - blocks * period :].reshape(blocks, period)), COVERAGE)
        return Trend(
            found.slope / period, found.low / period, found.high / period, found.fit, found.kendall, found.probability
        )
    rough = trend(past, COVERAGE)
    if period == 1 or blocks < 2:  # noqa: PLR2004 - a season is seen twice
        return rough
    steps = np.arange(len(past))
    return trend(past - _phases(past - rough.slope * steps, period)[steps % period], COVERAGE)


def _means(blocks: Values) -> Values:
    known = (~np.isnan(blocks)).sum(axis=1)
    sums = np.nansum(blocks, axis=1)
    return np.where(known > 0, sums / np.maximum(known, 1), np.nan)


def _phases(past: Values, period: int) -> Values:
    """How each phase of the season differs from the whole, by medians; zero where it was never seen."""
    middle = np.nanmedian(past)
    phase = np.arange(len(past)) % period
    differences = np.zeros(period)
    for one in range(min(period, len(past))):
        known = past[phase == one]
        known = known[~np.isnan(known)]
        differences[one] = np.median(known) - middle if len(known) else 0.0
    return differences


def _fitted(past: Values, period: int, model: Model, slope: float) -> tuple[float, Values]:
    """The level at the last step, and the season by phase. slope: growth per step, taken off first."""
    since = np.arange(len(past)) - (len(past) - 1)
    flat = past - slope * since
    season = _phases(flat, period) if model.season else np.zeros(period)
    calm = flat - season[np.arange(len(past)) % period]
    latest = calm if model.window is None else calm[-model.window * period :]
    known = latest[~np.isnan(latest)]
    return float(np.median(known) if len(known) else np.nanmedian(calm)), season


def _slope(past: Values, period: int, models: Sequence[Model]) -> float:
    return _growth(past, period).slope if any(model.growth for model in models) else 0.0


def _origins(count: int, period: int) -> list[int]:
    """Where past forecasts begin: in the later half of what is known, each phase of the season alike."""
    first = max(count // 2, min(2 * period, count - 1))
    step = period if (count - first) // period >= 3 else max(1, (count - first) // _MOST_ORIGINS)  # noqa: PLR2004
    return list(range(first, count, step))[-_MOST_ORIGINS:]


def _errors(past: Values, period: int, model: Model, origins: Mapping[int, float]) -> list[Values]:
    """What came less what would have been forecast, by lead, for each origin; origins: with their growth per step."""
    found = []
    for at, growth in origins.items():
        slope = growth if model.growth else 0.0
        level, season = _fitted(past[:at], period, model, slope)
        steps = np.arange(at, len(past))
        found.append(past[at:] - (level + slope * (steps - at + 1) + season[steps % period]))
    return found


def _told(past: Values) -> bool:
    return bool((~np.isnan(past)).any())


def _mean_error(errors: Sequence[Values]) -> float:
    found = np.concatenate(errors) if errors else np.array([])
    known = np.abs(found[~np.isnan(found)])
    return float(known.mean()) if len(known) else 0.0


def _widths(errors: Sequence[Values], ahead: int, caution: float) -> tuple[Values, Values]:
    """How far below and above the forecast the interval reaches, by lead.

    caution: overlapping forecasts of a few seasons err less than what comes will.
    """
    pieces = list(_by_lead(errors, max((len(one) for one in errors), default=0)))
    if not pieces:
        return np.zeros(ahead), np.zeros(ahead)
    below = np.maximum.accumulate([_reach(-one, caution) for _, one in pieces])
    above = np.maximum.accumulate([_reach(one, caution) for _, one in pieces])
    leads = np.array([lead for lead, _ in pieces])
    return _extended(leads, below, ahead), _extended(leads, above, ahead)


def _reach(errors: Values, caution: float) -> float:
    """What they stay below in all cases but the tail above COVERAGE; of very few, by Student's t and their size."""
    found = caution * max(float(np.quantile(errors, (1 + COVERAGE) / 2)), 0.0)
    if len(errors) > len(_STUDENT):
        return found
    return max(found, _STUDENT[len(errors) - 1] * float(np.sqrt(np.mean(errors**2))))


def _by_lead(errors: Sequence[Values], longest: int) -> Iterator[tuple[float, Values]]:
    """Errors of about the same lead together: each group is twice as wide as the one before."""
    edges = [0, *(2**power for power in range(20) if 2**power < longest), longest]
    for start, end in pairwise(edges):
        group = np.concatenate([one[start:end] for one in errors])
        group = group[~np.isnan(group)]
        if len(group):
            yield (start + end) / 2, group


def _extended(leads: Values, widths: Values, ahead: int) -> Values:
    """Beyond the longest lead that was tried the width grows as that of a random walk does."""
    steps = np.arange(1, ahead + 1, dtype=np.float64)
    found: Values = np.interp(steps, leads, widths) * np.sqrt(np.maximum(steps / leads[-1], 1.0))
    return found
