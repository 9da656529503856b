"""From the metrics of a running process to the figures of a stretch of time. No I/O, no clock."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from prometheus_client.metrics_core import Metric as Family

from ragkeeper.operations.history.models import Figures, Level, Spread
from ragkeeper.operations.history.table import KEPT, Kept, KeptCount, KeptLevel, KeptSpread, Labels

# A label that grows without end must not grow the history.
_MOST_PARTS = 24

Series = Sequence[tuple[Labels, float]]
Samples = dict[str, list[tuple[Labels, float]]]


@dataclass(slots=True)
class Running:
    """A histogram since its process began: the sum, and observations at or below each bound."""

    total: float = 0.0
    below: dict[float, float] = field(default_factory=lambda: defaultdict(float))


@dataclass(frozen=True, slots=True)
class Reading:
    """All remembered metrics at one moment; counters and histograms since their process began."""

    levels: dict[str, float]
    counters: dict[str, float]
    spreads: dict[str, Running]


def read(families: Iterable[Family], table: Sequence[Kept] = KEPT) -> Reading:
    samples: Samples = defaultdict(list)
    for family in families:
        if family.type == "counter":
            samples[f"{family.name}_total"] = []  # it is there, and may not have counted anything yet
        for sample in family.samples:
            samples[sample.name].append((sample.labels, sample.value))
    reading = Reading({}, {}, {})
    for kept in table:
        if isinstance(kept, KeptLevel):
            reading.levels.update(_added(kept, _reduced(samples[kept.metric], samples[kept.less])))
        elif isinstance(kept, KeptCount):
            whole = {} if kept.metric not in samples or kept.of_machine else {kept.name: 0.0}
            reading.counters.update(whole | _added(kept, samples[kept.metric]))
        elif isinstance(kept, KeptSpread):
            reading.spreads.update(_spreads(kept, samples))
    return reading


def between(before: Reading | None, now: Reading, seconds: float, table: Sequence[Kept] = KEPT) -> Figures:
    """What happened from one reading to the next; `before` is None at the first one of a process.

    A counter that is lower than before has begun anew.
    """
    old = before or Reading({}, {}, {})
    of_machine = {kept.name for kept in table if isinstance(kept, KeptCount) and kept.of_machine}
    counts = {
        name: value - old.counters.get(name, 0.0) if value >= old.counters.get(name, 0.0) else value
        for name, value in now.counters.items()
        if name in old.counters or name.partition(":")[0] not in of_machine
    }
    spreads = {name: _grown(old.spreads.get(name, Running()), running) for name, running in now.spreads.items()}
    return Figures(
        seconds,
        {name: Level(1, value, value, value) for name, value in now.levels.items()},
        {name: value for name, value in counts.items() if value or ":" not in name},
        {name: spread for name, spread in spreads.items() if spread.counts},
    )


def _names(kept: Kept, labels: Labels) -> tuple[str, ...]:
    return (kept.name, f"{kept.name}:{labels[kept.by]}") if labels.get(kept.by) else (kept.name,)


def _added(kept: Kept, samples: Series) -> dict[str, float]:
    """The sum of the series, and of each part; NaN says that nobody knows."""
    found: dict[str, float] = {}
    for labels, value in samples:
        if not kept.only(labels) or math.isnan(value):
            continue
        for name in _names(kept, labels):
            if name in found or len(found) <= _MOST_PARTS:
                found[name] = found.get(name, 0.0) + value
    return found


def _reduced(
    samples: Sequence[tuple[Labels, float]], less: Sequence[tuple[Labels, float]]
) -> Sequence[tuple[Labels, float]]:
    return [(labels, value - sum(other for own, other in less if own == labels)) for labels, value in samples]


def _spreads(kept: Kept, samples: Samples) -> dict[str, Running]:
    found: dict[str, Running] = {}
    for labels, value in samples[f"{kept.metric}_bucket"]:
        if kept.only(labels):
            for name in _names(kept, labels):
                found.setdefault(name, Running()).below[float(labels["le"])] += value
    for labels, value in samples[f"{kept.metric}_sum"]:
        if kept.only(labels):
            for name in _names(kept, labels):
                found.setdefault(name, Running()).total += value
    return found


def _grown(old: Running, now: Running) -> Spread:
    """The observations in between, by bucket; all of `now` where it began anew.

    An empty bucket is named only where the one above is not: its bound is where that one begins.
    """
    most = max(now.below.values(), default=0.0)
    if most < max(old.below.values(), default=0.0):
        old = Running()
    counts: dict[float, float] = {}
    reached, under = 0.0, 0.0
    for bound in sorted(now.below):
        below = now.below[bound] - old.below.get(bound, 0.0)
        if below > reached:
            counts.setdefault(under, 0.0)
            counts[bound] = below - reached
        reached, under = max(reached, below), bound
    return Spread(max(now.total - old.total, 0.0), counts)
