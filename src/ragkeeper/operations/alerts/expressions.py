"""What alerts and panels ask of the figures: a small part of PromQL as data.

Data can be compared with the table of metrics, written as PromQL for Prometheus, and evaluated on this process's own
figures: the same expression in all three. What the parts mean is in https://prometheus.io/docs/prometheus/latest/querying/.
"""

import math
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ragkeeper.core.instruments import Metric

JOB = "rag-interface"
"""The name under which Prometheus reads ragkeeper, and that of the guides."""

Labels = frozenset[tuple[str, str]]
Vector = Mapping[Labels, float]
"""A value for each series, by its labels without the name."""
Sample = tuple[float, float]
"""A time in seconds and a value."""
Samples = Sequence[Sample]
"""Oldest first."""

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "==": operator.eq,
}
_FEWEST = 2


@dataclass(frozen=True, slots=True)
class Match:
    """Which values of a label count. pattern: the one value is a regular expression of the whole label."""

    label: str
    values: tuple[str, ...]
    negated: bool = False
    pattern: bool = False

    def promql(self) -> str:
        plain = len(self.values) == 1 and not self.pattern
        text = self.values[0] if plain or self.pattern else "|".join(re.escape(value) for value in self.values)
        sign = {(True, False): "=", (True, True): "!=", (False, False): "=~", (False, True): "!~"}[plain, self.negated]
        return f'{self.label}{sign}"{text.replace(chr(92), chr(92) * 2)}"'

    def holds(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.label, "")
        found = bool(re.fullmatch(self.values[0], value)) if self.pattern else value in self.values
        return found is not self.negated


@dataclass(frozen=True, slots=True)
class Span:
    """How long a window is. Rehearsals shorten all windows, but never below what holds a few scrapes."""

    scale: float = 1.0
    shortest: float = 0.0

    def __call__(self, seconds: float) -> str:
        return duration(max(seconds * self.scale, min(self.shortest, seconds)))


class Moment(Protocol):
    """What is known at one moment."""

    def latest(self, select: "Select") -> Vector: ...

    def edges(self, select: "Select", seconds: float) -> Mapping[Labels, tuple[Sample, Sample]]:
        """The oldest and the newest sample of the last seconds; no series that has only one."""
        ...

    def within(self, select: "Select", seconds: float) -> Mapping[Labels, Samples]:
        """All samples of the last seconds."""
        ...


class Expression(Protocol):
    def promql(self, span: Span) -> str: ...

    def values(self, moment: Moment) -> Vector: ...

    def selects(self) -> Iterator["Select"]:
        """Every series it reads."""
        ...


@dataclass(frozen=True, slots=True)
class Select:
    """The series of one metric. suffix: `_bucket`, `_count` or `_sum` of a histogram. job: None for all jobs."""

    metric: Metric
    where: tuple[Match, ...] = ()
    suffix: str = ""
    job: str | None = JOB

    @property
    def name(self) -> str:
        return self.metric.name + self.suffix

    def promql(self, span: Span) -> str:  # noqa: ARG002 - the protocol's own parameter
        jobs = () if self.job is None else (Match("job", (self.job,)),)
        inside = ",".join(match.promql() for match in (*jobs, *self.where))
        return f"{self.name}{{{inside}}}" if inside else self.name

    def values(self, moment: Moment) -> Vector:
        return moment.latest(self)

    def selects(self) -> Iterator["Select"]:
        yield self

    def holds(self, labels: Mapping[str, str]) -> bool:
        return all(match.holds(labels) for match in self.where)


@dataclass(frozen=True, slots=True)
class Number:
    value: float

    def promql(self, span: Span) -> str:  # noqa: ARG002 - the protocol's own parameter
        return number(self.value)

    def values(self, moment: Moment) -> Vector:  # noqa: ARG002 - the protocol's own parameter
        return {frozenset(): self.value}

    def selects(self) -> Iterator[Select]:
        yield from ()


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a counter rose in the window, a second; by how much altogether where `total`.

    A total counts what was seen. Of a past that is shorter than the window it is not made larger: one failure in the
    first minute is not sixty in the hour.
    """

    of: Select
    window: float
    total: bool = False

    def promql(self, span: Span) -> str:
        return f"{'increase' if self.total else 'rate'}({self.of.promql(span)}[{span(self.window)}])"

    def values(self, moment: Moment) -> Vector:
        found = moment.edges(self.of, self.window)
        return {
            labels: (end - begin) / (1.0 if self.total else last - first)
            for labels, ((first, begin), (last, end)) in found.items()
            if last > first  # two looks in one moment, as after a clock was set, tell of no rate
        }

    def selects(self) -> Iterator[Select]:
        yield self.of


@dataclass(frozen=True, slots=True)
class Most:
    """The highest value of the window."""

    of: Select
    window: float

    def promql(self, span: Span) -> str:
        return f"max_over_time({self.of.promql(span)}[{span(self.window)}])"

    def values(self, moment: Moment) -> Vector:
        found = moment.within(self.of, self.window)
        return {labels: max(value for _, value in samples) for labels, samples in found.items() if samples}

    def selects(self) -> Iterator[Select]:
        yield self.of


@dataclass(frozen=True, slots=True)
class Predicted:
    """Where a straight line through the window's samples will be, `ahead` seconds from now."""

    of: Select
    window: float
    ahead: float

    def promql(self, span: Span) -> str:
        return f"predict_linear({self.of.promql(span)}[{span(self.window)}], {number(self.ahead * span.scale)})"

    def values(self, moment: Moment) -> Vector:
        found = moment.within(self.of, self.window)
        return {key: _predict(samples, self.ahead) for key, samples in found.items() if len(samples) >= _FEWEST}

    def selects(self) -> Iterator[Select]:
        yield self.of


@dataclass(frozen=True, slots=True)
class Aggregate:
    """function: `sum`, `max`, `min` or `avg`."""

    function: str
    of: Expression
    by: tuple[str, ...] = ()

    def promql(self, span: Span) -> str:
        by = f" by ({', '.join(self.by)})" if self.by else ""
        return f"{self.function}{by}({self.of.promql(span)})"

    def values(self, moment: Moment) -> Vector:
        groups: dict[Labels, list[float]] = defaultdict(list)
        for labels, value in self.of.values(moment).items():
            groups[frozenset(pair for pair in labels if pair[0] in self.by)].append(value)
        return {labels: _AGGREGATES[self.function](values) for labels, values in groups.items()}

    def selects(self) -> Iterator[Select]:
        yield from self.of.selects()


@dataclass(frozen=True, slots=True)
class Quantile:
    """of: rates of buckets, summed by `le` and what else tells series apart."""

    share: float
    of: Aggregate

    def promql(self, span: Span) -> str:
        return f"histogram_quantile({number(self.share)}, {self.of.promql(span)})"

    def values(self, moment: Moment) -> Vector:
        groups: dict[Labels, list[tuple[float, float]]] = defaultdict(list)
        for labels, value in self.of.values(moment).items():
            bound = float(dict(labels)["le"])
            groups[frozenset(pair for pair in labels if pair[0] != "le")].append((bound, value))
        return {labels: _quantile(self.share, sorted(buckets)) for labels, buckets in groups.items()}

    def selects(self) -> Iterator[Select]:
        yield from self.of.selects()


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """sign: `+`, `-`, `*` or `/`; of series with the same labels, or of each with a number."""

    left: Expression
    sign: str
    right: Expression

    def promql(self, span: Span) -> str:
        return f"{_bracketed(self.left, span)} {self.sign} {_bracketed(self.right, span)}"

    def values(self, moment: Moment) -> Vector:
        act = _ARITHMETIC[self.sign]
        left, right = self.left.values(moment), self.right.values(moment)
        if isinstance(self.left, Number):
            return {labels: act(self.left.value, value) for labels, value in right.items()}
        if isinstance(self.right, Number):
            return {labels: act(value, self.right.value) for labels, value in left.items()}
        return {labels: act(value, right[labels]) for labels, value in left.items() if labels in right}

    def selects(self) -> Iterator[Select]:
        yield from self.left.selects()
        yield from self.right.selects()


@dataclass(frozen=True, slots=True)
class Compare:
    """The series for which it is true, with their values. What is not a number is in no relation to another."""

    left: Expression
    sign: str
    right: Expression

    def promql(self, span: Span) -> str:
        return f"{_bracketed(self.left, span)} {self.sign} {_bracketed(self.right, span)}"

    def values(self, moment: Moment) -> Vector:
        holds = _COMPARISONS[self.sign]
        left, right = self.left.values(moment), self.right.values(moment)
        if isinstance(self.right, Number):
            return {labels: value for labels, value in left.items() if holds(value, self.right.value)}
        return {labels: value for labels, value in left.items() if labels in right and holds(value, right[labels])}

    def selects(self) -> Iterator[Select]:
        yield from self.left.selects()
        yield from self.right.selects()


@dataclass(frozen=True, slots=True)
class Both:
    """The left series that have a right one of the same labels, or of the same of those that `on` names."""

    left: Expression
    right: Expression
    on: tuple[str, ...] = ()

    def promql(self, span: Span) -> str:
        on = f" on ({', '.join(self.on)})" if self.on else ""
        return f"({self.left.promql(span)})\n  and{on}\n({self.right.promql(span)})"

    def values(self, moment: Moment) -> Vector:
        right = {self._compared(labels) for labels in self.right.values(moment)}
        return {labels: value for labels, value in self.left.values(moment).items() if self._compared(labels) in right}

    def _compared(self, labels: Labels) -> Labels:
        return frozenset(pair for pair in labels if pair[0] in self.on) if self.on else labels

    def selects(self) -> Iterator[Select]:
        yield from self.left.selects()
        yield from self.right.selects()


@dataclass(frozen=True, slots=True)
class Either:
    """The left series, and of the right ones those with other labels."""

    left: Expression
    right: Expression

    def promql(self, span: Span) -> str:
        return f"({self.left.promql(span)} or {self.right.promql(span)})"

    def values(self, moment: Moment) -> Vector:
        return {**self.right.values(moment), **self.left.values(moment)}

    def selects(self) -> Iterator[Select]:
        yield from self.left.selects()
        yield from self.right.selects()


@dataclass(frozen=True, slots=True)
class Absent:
    """1 when there is no such series, else nothing."""

    of: Expression

    def promql(self, span: Span) -> str:
        return f"absent({self.of.promql(span)})"

    def values(self, moment: Moment) -> Vector:
        return {} if self.of.values(moment) else {frozenset(): 1.0}

    def selects(self) -> Iterator[Select]:
        yield from self.of.selects()


def duration(seconds: float) -> str:
    """As Prometheus writes it: `5m`, `90s`, `200ms`."""
    milliseconds = round(seconds * 1000)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds >= size and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def number(value: float) -> str:
    return f"{value:.10g}"


def _bracketed(part: Expression, span: Span) -> str:
    text = part.promql(span)
    return f"({text})" if isinstance(part, Arithmetic | Compare | Both) else text


def _numbers(values: Sequence[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


def _predict(samples: Samples, ahead: float) -> float:
    """Least squares, measured from the newest sample."""
    now = samples[-1][0]
    times = [when - now for when, _ in samples]
    middle, level = sum(times) / len(times), sum(value for _, value in samples) / len(samples)
    spread = sum((when - middle) ** 2 for when in times)
    if not spread:
        return math.nan
    slope = sum((when - middle) * (value - level) for when, (_, value) in zip(times, samples, strict=True)) / spread
    return level + slope * (ahead - middle)


def _quantile(share: float, buckets: Sequence[tuple[float, float]]) -> float:
    """As `histogram_quantile`: straight lines inside of a bucket, the last finite bound above all of them."""
    total = buckets[-1][1]
    if not total or math.isnan(total):
        return math.nan
    lower, below = 0.0, 0.0
    for bound, count in buckets:
        if count >= share * total:
            return lower if math.isinf(bound) else lower + (bound - lower) * (share * total - below) / (count - below)
        lower, below = bound, count
    return lower


def _divide(left: float, right: float) -> float:
    if right:
        return left / right
    return math.nan if not left or math.isnan(left) else math.copysign(math.inf, left)


_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
}
_AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "max": lambda values: max(_numbers(values), default=math.nan),
    "min": lambda values: min(_numbers(values), default=math.nan),
    "avg": lambda values: sum(values) / len(values),
}
