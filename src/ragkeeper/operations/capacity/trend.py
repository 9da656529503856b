"""How fast a series grows, in a way that a few wild values do not move. No I/O, no clock."""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from ragkeeper.operations.capacity.models import Trend

Values = NDArray[np.float64]

_MOST_REPEATED = 0.8
FLAT = Trend(0.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def trend(values: Values, confidence: float = 0.8) -> Trend:
    """The median of the slopes between all pairs (Theil and Sen), tested as Mann and Kendall do.

    values: one per step, NaN where unknown. Neighbours that resemble each other count for less than strangers: the
    variance of the test is raised by their correlation, as for the mean of such a series.
    """
    times = np.flatnonzero(~np.isnan(values))
    known = values[times]
    if len(known) < 3:  # noqa: PLR2004 - two points always lie on a line
        return FLAT
    first, second = np.triu_indices(len(known), 1)
    slopes = np.sort((known[second] - known[first]) / (times[second] - times[first]))
    slope = float(np.median(slopes))
    signs = float(np.sign(slopes).sum())
    deviation = np.sqrt(_variance(known) * _repetition(known - slope * times))
    quantile = NormalDist().inv_cdf(0.5 + confidence / 2)
    low, high = _between(slopes, quantile * deviation)
    # Continuity: the sum of signs changes by two at a time.
    score = max(abs(signs) - 1, 0.0) / deviation if deviation else 0.0
    return Trend(
        slope, low, high, _fit(times, known, slope), signs / len(slopes), 2 * (1 - NormalDist().cdf(float(score)))
    )


def _variance(known: Values) -> float:
    """Of the sum of signs without a trend; equal values tell nothing."""
    _, ties = np.unique(known, return_counts=True)
    n = len(known)
    return float(n * (n - 1) * (2 * n + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()) / 18


def _repetition(residuals: Values) -> float:
    """How many values tell as much as one that is not like its neighbour."""
    centred = residuals - residuals.mean()
    power = float((centred**2).sum())
    alike = float((centred[1:] * centred[:-1]).sum()) / power if power else 0.0
    alike = min(max(alike, 0.0), _MOST_REPEATED)
    return (1 + alike) / (1 - alike)


def _between(slopes: Values, width: float) -> tuple[float, float]:
    """Sen's interval: the slopes so many ranks from the middle."""
    count = len(slopes)
    low = int(np.floor((count - width) / 2))
    high = int(np.ceil((count + width) / 2))
    return float(slopes[max(low, 0)]), float(slopes[min(high, count - 1)])


def _fit(times: NDArray[np.int64], known: Values, slope: float) -> float:
    line = slope * times
    line = line + np.median(known - line)
    spread = float(((known - known.mean()) ** 2).sum())
    left = float(((known - line) ** 2).sum())
    return min(max(1 - left / spread, 0.0), 1.0) if spread else 0.0
