"""Courses of events for every alert: what the figures say, stage by stage, and which levels fire at the end of each.

Written by hand from what the alerts promise, not from their conditions. Two engines judge them: Prometheus' own
(`promtool test rules`) and the one inside the server.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ragkeeper.operations.alerts.models import Alert, Scene
from ragkeeper.operations.alerts.rules import alerts

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
INSTANCE = "localhost:8000"
TARGETS = (("rag-interface", INSTANCE), ("rag-interface", "localhost:8001"))
ALERTS: tuple[Alert, ...] = alerts(Scene(TARGETS))
AT = {"job": "rag-interface", "instance": INSTANCE}


@dataclass(frozen=True)
class Slope:
    """A gauge that changes by so much a second, from what it was."""

    rate: float


Value = float | Slope | None
"""Of a counter how fast it rises, a second; of a gauge what it is; None: it is not there."""


@dataclass(frozen=True)
class Series:
    name: str
    labels: Mapping[str, str]

    @property
    def counts(self) -> bool:
        return self.name.endswith(("_total", "_bucket", "_count"))


@dataclass(frozen=True)
class Stage:
    """firing: the levels (`warning`, `critical.1h`) that fire when the stage ends."""

    seconds: float
    values: Sequence[Value]
    firing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """labels: those of the alert beside severity and owner."""

    name: str
    series: Sequence[Series]
    stages: Sequence[Stage]
    labels: Mapping[str, str] = field(default_factory=dict)
    step: float = 15.0

    def samples(self) -> Iterator[list[float | None]]:
        """What a scrape sees at each step, for each series; the first at time 0."""
        now = [self._next(one, None, value) for one, value in zip(self.series, self.stages[0].values, strict=True)]
        yield now
        for stage in self.stages:
            for _ in range(round(stage.seconds / self.step)):
                now = [self._next(*each) for each in zip(self.series, now, stage.values, strict=True)]
                yield now

    def ends(self) -> Iterator[tuple[float, Stage]]:
        """When each stage ends, in seconds."""
        passed = 0.0
        for stage in self.stages:
            passed += round(stage.seconds / self.step) * self.step
            yield passed, stage

    def _next(self, series: Series, before: float | None, value: Value) -> float | None:
        if value is None:
            return None
        rate = value.rate if isinstance(value, Slope) else value
        return (before or 0.0) + rate * self.step if series.counts or isinstance(value, Slope) else rate


def s(name: str, **labels: str) -> Series:
    return Series(name, {**AT, **labels})


def course(
    name: str,
    series: Sequence[Series],
    calm: Sequence[Value],
    near: Sequence[Value],
    *faults: tuple[Sequence[Value], tuple[str, ...]],
    hold: float,
    window: float = 0,
    labels: Mapping[str, str] | None = None,
    step: float = 15.0,
    early: float | None = None,
) -> Case:
    """Calm, nearly too much, then each fault in turn, half of whose hold nothing new fires; calm again.

    early: for how long nothing new fires, where that is not half of the hold.
    """
    settle = hold + window + 2 * MINUTE
    stages = [Stage(window + 10 * MINUTE, calm), Stage(settle, near)]
    before: tuple[str, ...] = ()
    for values, firing in faults:
        stages.append(Stage(hold / 2 if early is None else early, values, before))
        stages.append(Stage(settle, values, firing))
        before = firing
    stages.append(Stage(window + 2 * MINUTE, calm))
    return Case(name, series, stages, labels or {}, step)


def silent(name: str, series: Sequence[Series], calm: Sequence[Value], odd: Sequence[Value], seconds: float) -> Case:
    """Something that looks like it and is not."""
    return Case(name, series, [Stage(20 * MINUTE, calm), Stage(seconds, odd), Stage(10 * MINUTE, calm)])


WARNING, CRITICAL = ("warning",), ("critical",)
BOTH = ("warning", "critical")
