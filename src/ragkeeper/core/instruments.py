"""What a metric is: a name, a meaning, labels whose values are bounded, a kind. The table is in `core/metrics.py`."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Label:
    """values: all that it can be, any other becomes `other`; none named: whatever configuration or code says."""

    name: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """unit: of its value, as its name says. A metric whose labels all name their values exists from the start."""

    name: str
    help: str
    labels: tuple[Label, ...] = ()
    unit: str = ""

    @property
    def label_names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.labels)

    def known_series(self) -> Iterable[tuple[str, ...]]:
        """The values of its labels, where the table names them all."""
        return itertools.product(*(label.values for label in self.labels))


@dataclass(frozen=True, slots=True)
class Counter(Metric):
    """Only rises. Its name ends in `_total`."""


@dataclass(frozen=True, slots=True)
class Gauge(Metric):
    """Goes up and down. looked_up: NaN, no value at all, until somebody has looked; else it begins with 0."""

    looked_up: bool = False


@dataclass(frozen=True, slots=True)
class Histogram(Metric):
    """buckets: upper bounds, rising; the last one lies above all that can happen."""

    buckets: tuple[float, ...] = ()
