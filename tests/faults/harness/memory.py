"""Whether memory stays flat: resident megabytes of its own by the minute, and the slope of a line through them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_MEASURED_FROM = 0.5  # a server fills its caches first, such as the words that its chunker remembers
_FEWEST = 4
_SURE = 2.0  # standard errors
# A slope that can be told from zero is still no leak below this: it would take weeks to matter.
_ALLOWED_MB_PER_HOUR = 4.0


@dataclass(frozen=True, slots=True)
class Slope:
    """In MB per hour, with its standard error; samples: minutes that it is taken from."""

    mb_per_hour: float
    error: float
    samples: int

    @property
    def is_flat(self) -> bool:
        return self.mb_per_hour - _SURE * self.error <= _ALLOWED_MB_PER_HOUR

    def __str__(self) -> str:
        verdict = "flat within noise" if self.is_flat else "NOT flat"
        return (
            f"{self.mb_per_hour * 1e6:+,.0f} bytes an hour, standard error {self.error * 1e6:,.0f} "
            f"({self.samples} minutes, the first half left out): {verdict}"
        )


def minutes(samples: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """(seconds, MB) of each whole minute, averaged, so that neighbouring samples do not count as independent."""
    found: dict[int, list[float]] = {}
    for seconds, value in samples:
        found.setdefault(int(seconds // 60), []).append(value)
    return [(minute * 60.0 + 30.0, sum(values) / len(values)) for minute, values in sorted(found.items())]


def slope(samples: Sequence[tuple[float, float]]) -> Slope | None:
    """None when there are too few minutes to say anything."""
    points = minutes(samples)
    points = points[math.ceil(len(points) * _MEASURED_FROM) :]
    if len(points) < _FEWEST:
        return None
    n = len(points)
    middle = sum(x for x, _ in points) / n
    level = sum(y for _, y in points) / n
    spread = sum((x - middle) ** 2 for x, _ in points)
    rise = sum((x - middle) * (y - level) for x, y in points) / spread
    rest = sum((y - level - rise * (x - middle)) ** 2 for x, y in points)
    error = math.sqrt(rest / (n - 2) / spread)
    return Slope(rise * 3600, error * 3600, n)
