"""Whether memory grows: a trend after warm-up that neither a jump nor a few high values make. No I/O, no clock."""

from collections.abc import Sequence
from statistics import NormalDist, median

import numpy as np

from ragkeeper.operations.capacity.trend import Values, trend
from ragkeeper.operations.diagnose.models import Sample, Verdict

FEWEST_SAMPLES = 5

_WARM_UP = 0.2
_CONFIDENCE = 0.95
# Of a thousand servers that are well, one may be called leaking.
_SIGNIFICANT = 0.001
# Growth while it was watched that counts: what is less may be anything.
_LEAST_BYTES, _LEAST_SHARE = 2_000_000, 0.01
# A leak goes on all the time, a jump is in one part only.
_PARTS = 4
_PERSISTENT = 0.4
_HOUR = 3600.0


def verdict(samples: Sequence[Sample]) -> Verdict | None:
    """None with fewer than FEWEST_SAMPLES after warm-up, the first fifth."""
    warm_up = round(len(samples) * _WARM_UP)
    watched = samples[warm_up:]
    if len(watched) < FEWEST_SAMPLES:
        return None
    used = np.array([sample.used for sample in watched], dtype=np.float64)
    found = trend(used, _CONFIDENCE)
    per_hour = _HOUR / _step(watched)
    threshold = max(_LEAST_BYTES, _LEAST_SHARE * float(np.median(used))) / len(used)
    goes_on = found.probability < _SIGNIFICANT and abs(found.slope) >= threshold and _persists(used, found.slope)
    halves = samples[: len(samples) // 2], samples[len(samples) // 2 :]
    first, second = (float(np.mean([one.used for one in half])) for half in halves)
    return Verdict(
        verdict="stable" if not goes_on else "leak" if found.slope > 0 else "decreasing",
        confidence=1 - found.probability if goes_on else _calm(found.slope, found.high - found.low, threshold),
        per_hour=found.slope * per_hour,
        low=found.low * per_hour,
        high=found.high * per_hour,
        first_half=first,
        second_half=second,
        warm_up=warm_up,
    )


def _step(samples: Sequence[Sample]) -> float:
    """Seconds from one sample to the next."""
    return max((samples[-1].at - samples[0].at).total_seconds() / (len(samples) - 1), 1e-3)


def _persists(used: Values, slope: float) -> bool:
    """Whether it goes on: in most parts of the time, not in one jump, for sure in the second half, and at the end."""
    sign = np.sign(slope)
    parts = np.array_split(used, max(min(_PARTS, len(used) // 3), 1))
    middle = median(trend(part).slope for part in parts)
    half, third = trend(used[len(used) // 2 :], _CONFIDENCE), trend(used[-(len(used) // 3) :])
    goes_on = min(half.low * sign, half.high * sign) > 0
    return bool(goes_on and min(middle * sign, third.slope * sign) >= _PERSISTENT * abs(slope))


def _calm(slope: float, width: float, threshold: float) -> float:
    """How sure it is that the true slope is below what counts."""
    deviation = width / (2 * NormalDist().inv_cdf(0.5 + _CONFIDENCE / 2))
    if deviation <= 0:
        return 1.0 if abs(slope) < threshold else 0.5
    true = NormalDist(slope, deviation)
    return true.cdf(threshold) - true.cdf(-threshold)
