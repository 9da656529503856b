"""When an alert is active, as data: each kind of condition says what it asks of the figures.

A condition has one `threshold`, which an operator may change, and the `limits` between which that makes sense.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from ragkeeper.core.instruments import Gauge, Histogram, Label
from ragkeeper.operations.alerts.expressions import (
    Absent,
    Aggregate,
    Arithmetic,
    Both,
    Compare,
    Either,
    Expression,
    Match,
    Most,
    Number,
    Predicted,
    Quantile,
    Rate,
    Select,
)

UP = Gauge("up", "1 while Prometheus can read the target; Prometheus' own.", (Label("job"), Label("instance")))
_NONE = float("-inf")
_MOST = float("inf")


class Share(Protocol):
    """Which part of something was bad in a window, from 0 to 1."""

    def over(self, window: float) -> Expression: ...

    def events(self, window: float) -> Expression:
        """How many there were."""
        ...

    def bad_events(self, window: float) -> Expression:
        """How many of them were bad."""
        ...


@dataclass(frozen=True, slots=True)
class Events:
    """Of all events the bad ones; 0 while there are only good ones."""

    bad: Select
    all: Select
    by: tuple[str, ...] = ()

    def over(self, window: float) -> Expression:
        every = self._sum(Rate(self.all, window))
        none = Arithmetic(every, "*", Number(0))
        return Arithmetic(Either(self._sum(Rate(self.bad, window)), none), "/", every)

    def events(self, window: float) -> Expression:
        return self._sum(Rate(self.all, window, total=True))

    def bad_events(self, window: float) -> Expression:
        return self._sum(Rate(self.bad, window, total=True))

    def _sum(self, rate: Rate) -> Expression:
        return Aggregate("sum", rate, self.by)


@dataclass(frozen=True, slots=True)
class Slower:
    """Of all events of a histogram those that took longer than one of its bounds."""

    histogram: Histogram
    bound: float
    where: tuple[Match, ...] = ()

    def over(self, window: float) -> Expression:
        quick, every = (Aggregate("sum", Rate(one, window)) for one in (self._quick, self._all))
        return Arithmetic(Number(1), "-", Arithmetic(quick, "/", every))

    def events(self, window: float) -> Expression:
        return Aggregate("sum", Rate(self._all, window, total=True))

    def bad_events(self, window: float) -> Expression:
        quick = Aggregate("sum", Rate(self._quick, window, total=True))
        return Arithmetic(self.events(window), "-", quick)

    @property
    def _quick(self) -> Select:
        return Select(self.histogram, (*self.where, Match("le", (bucket(self.bound),))), "_bucket")

    @property
    def _all(self) -> Select:
        return Select(self.histogram, self.where, "_count")


class Condition(Protocol):
    limits: ClassVar[tuple[float, float]]

    @property
    def threshold(self) -> float: ...

    @property
    def expression(self) -> Expression: ...


@dataclass(frozen=True, slots=True)
class ShareAbove:
    """A share of events above a threshold, where there were enough of them, and enough bad ones, to say so."""

    limits: ClassVar = (0.0, 1.0)
    share: Events
    window: float
    threshold: float
    least: float = 0
    least_bad: float = 0

    @property
    def expression(self) -> Expression:
        found: Expression = Compare(self.share.over(self.window), ">", Number(self.threshold))
        if self.least:
            found = Both(found, Compare(self.share.events(self.window), ">=", Number(self.least)))
        if self.least_bad:
            found = Both(found, Compare(self.share.bad_events(self.window), ">=", Number(self.least_bad)))
        return found


@dataclass(frozen=True, slots=True)
class QuantileAbove:
    """A quantile of a histogram above a threshold; with fewer than `least` events it says nothing."""

    limits: ClassVar = (0.0, 3600.0)
    histogram: Histogram
    where: tuple[Match, ...]
    share: float
    window: float
    threshold: float
    least: float

    @property
    def expression(self) -> Expression:
        shown = quantile(self.histogram, self.where, self.share, self.window)
        events = Aggregate("sum", Rate(Select(self.histogram, self.where, "_count"), self.window, total=True))
        return Both(Compare(shown, ">", Number(self.threshold)), Compare(events, ">=", Number(self.least)))


@dataclass(frozen=True, slots=True)
class Above:
    """A gauge above a threshold, the highest of each group."""

    limits: ClassVar = (_NONE, _MOST)
    gauge: Select
    threshold: float
    by: tuple[str, ...] = ()

    @property
    def expression(self) -> Expression:
        return Compare(Aggregate("max", self.gauge, self.by), ">", Number(self.threshold))


@dataclass(frozen=True, slots=True)
class Below:
    """A gauge below a threshold, the lowest of each group."""

    limits: ClassVar = (_NONE, _MOST)
    gauge: Select
    threshold: float
    by: tuple[str, ...] = ()

    @property
    def expression(self) -> Expression:
        return Compare(Aggregate("min", self.gauge, self.by), "<", Number(self.threshold))


@dataclass(frozen=True, slots=True)
class AboveWhileDown:
    """A gauge above a threshold, the highest of each group, where what the group's `shared` labels name is down too."""

    limits: ClassVar = (_NONE, _MOST)
    gauge: Select
    up: Select
    threshold: float
    by: tuple[str, ...]
    shared: tuple[str, ...]

    @property
    def expression(self) -> Expression:
        high = Compare(Aggregate("max", self.gauge, self.by), ">", Number(self.threshold))
        return Both(high, Compare(Aggregate("min", self.up, self.shared), "<", Number(1)), self.shared)


@dataclass(frozen=True, slots=True)
class UsedAbove:
    """The used share of something of which the free part is known."""

    limits: ClassVar = (0.0, 1.0)
    free: Select
    total: Select
    threshold: float
    by: tuple[str, ...] = ("instance",)

    @property
    def expression(self) -> Expression:
        return Compare(used(self.free, self.total, self.by), ">", Number(self.threshold))


@dataclass(frozen=True, slots=True)
class PartAbove:
    """One gauge's share of another."""

    limits: ClassVar = (0.0, 1.0)
    part: Select
    whole: Select
    threshold: float
    by: tuple[str, ...] = ("instance",)

    @property
    def expression(self) -> Expression:
        share = Arithmetic(Aggregate("sum", self.part, self.by), "/", Aggregate("sum", self.whole, self.by))
        return Compare(share, ">", Number(self.threshold))


@dataclass(frozen=True, slots=True)
class OlderThan:
    """More seconds since a moment than the threshold, by a clock that is exported too."""

    limits: ClassVar = (0.0, _MOST)
    clock: Select
    moment: Select
    threshold: float

    @property
    def expression(self) -> Expression:
        age = Arithmetic(Aggregate("max", self.clock), "-", Aggregate("max", self.moment))
        return Compare(age, ">", Number(self.threshold))


@dataclass(frozen=True, slots=True)
class FreeBelow:
    """The free share of something below a threshold, but not where `unless` is 1."""

    limits: ClassVar = (0.0, 1.0)
    free: Select
    total: Select
    unless: Select
    threshold: float
    by: tuple[str, ...]

    @property
    def expression(self) -> Expression:
        share = Arithmetic(Aggregate("min", self.free, self.by), "/", Aggregate("max", self.total, self.by))
        writable = Compare(Aggregate("max", self.unless, self.by), "<", Number(1))
        return Both(Compare(share, "<", Number(self.threshold)), writable)


@dataclass(frozen=True, slots=True)
class RunsOut:
    """By a straight line through the window something is used up within `ahead`.

    Only where less than the threshold is free by now: what is nearly empty may grow fast for a day.
    """

    limits: ClassVar = (0.0, 1.0)
    free: Select
    total: Select
    unless: Select
    window: float
    ahead: float
    threshold: float
    by: tuple[str, ...]

    @property
    def expression(self) -> Expression:
        gone = Compare(Aggregate("min", Predicted(self.free, self.window, self.ahead), self.by), "<", Number(0))
        return Both(gone, FreeBelow(self.free, self.total, self.unless, self.threshold, self.by).expression)


@dataclass(frozen=True, slots=True)
class BusyAbove:
    """The share of time that was not idle, mean of all processors."""

    limits: ClassVar = (0.0, 1.0)
    idle: Select
    window: float
    threshold: float
    by: tuple[str, ...] = ("instance",)

    @property
    def expression(self) -> Expression:
        return Compare(busy(self.idle, self.window, self.by), ">", Number(self.threshold))


@dataclass(frozen=True, slots=True)
class CountAbove:
    """More than so many events in a window."""

    limits: ClassVar = (0.0, _MOST)
    counter: Select
    window: float
    threshold: float
    by: tuple[str, ...] = ()

    @property
    def expression(self) -> Expression:
        return Compare(
            Aggregate("sum", Rate(self.counter, self.window, total=True), self.by), ">", Number(self.threshold)
        )


@dataclass(frozen=True, slots=True)
class Spike:
    """A rate more than `threshold` times that of a longer window, and not too low to matter."""

    limits: ClassVar = (1.0, _MOST)
    counter: Select
    window: float
    norm: float
    least: float
    threshold: float
    by: tuple[str, ...] = ("instance",)

    @property
    def expression(self) -> Expression:
        now, usual = self._rate(self.window), self._rate(self.norm)
        spike = Compare(now, ">", Arithmetic(usual, "*", Number(self.threshold)))
        return Both(spike, Compare(now, ">", Number(self.least)))

    def _rate(self, window: float) -> Expression:
        return Aggregate("sum", Rate(self.counter, window), self.by)


@dataclass(frozen=True, slots=True)
class Fall:
    """Less than a share of the most that there was in the window; it was at least `least`."""

    limits: ClassVar = (0.0, 1.0)
    gauge: Select
    window: float
    least: float
    threshold: float

    @property
    def expression(self) -> Expression:
        most = Aggregate("sum", Most(self.gauge, self.window), ("instance",))
        now = Aggregate("sum", self.gauge, ("instance",))
        fallen = Compare(now, "<", Arithmetic(most, "*", Number(self.threshold)))
        return Both(fallen, Compare(most, ">=", Number(self.least)))


@dataclass(frozen=True, slots=True)
class Lacks:
    """Something has less than a share of what it should have, where that is at least `least`."""

    limits: ClassVar = (0.0, 1.0)
    has: Select
    should: Select
    least: float
    threshold: float

    @property
    def expression(self) -> Expression:
        has, should = (Aggregate("sum", one, ("instance",)) for one in (self.has, self.should))
        fewer = Compare(has, "<", Arithmetic(should, "*", Number(self.threshold)))
        return Both(fewer, Compare(should, ">=", Number(self.least)))


@dataclass(frozen=True, slots=True)
class Burn:
    """What an objective allows to be bad is used up `factor` times as fast as it may be, in a long and a short window.

    threshold: the objective, such as 0.999 good. The short window ends the alert soon after the trouble, see
    https://sre.google/workbook/alerting-on-slos/. With fewer than `least` events in the long window, or `least_bad` bad
    ones, it says nothing: where little is asked, one that is bad is a large share.
    """

    limits: ClassVar = (0.5, 1.0)
    share: Share
    long: float
    short: float
    factor: float
    threshold: float
    least: float
    least_bad: float

    @property
    def expression(self) -> Expression:
        found = Both(self._fast(self.long), self._fast(self.short))
        enough = Both(found, Compare(self.share.events(self.long), ">=", Number(self.least)))
        return Both(enough, Compare(self.share.bad_events(self.long), ">=", Number(self.least_bad)))

    def _fast(self, window: float) -> Expression:
        allowed = min(self.factor * (1 - self.threshold), 0.99)
        return Compare(self.share.over(window), ">", Number(allowed))


@dataclass(frozen=True, slots=True)
class TargetsDown:
    """Each target that cannot be read or is gone. targets: jobs and their `host:port`; only Prometheus can see it."""

    limits: ClassVar = (0.0, 2.0)
    targets: tuple[tuple[str, str], ...]
    threshold: float = 1

    @property
    def expression(self) -> Expression:
        jobs = tuple(dict.fromkeys([job for job, _ in self.targets])) or ("",)
        found: Expression = Compare(Select(UP, (Match("job", jobs),), job=None), "<", Number(self.threshold))
        for job, instance in self.targets:
            found = Either(found, Absent(Select(UP, (Match("instance", (instance,)),), job=job)))
        return found


@dataclass(frozen=True, slots=True)
class NoneLeft:
    """No target at all has a gauge of at least the threshold; only Prometheus can see it."""

    limits: ClassVar = (_NONE, _MOST)
    gauge: Select
    threshold: float = 1

    @property
    def expression(self) -> Expression:
        return Absent(Compare(self.gauge, ">=", Number(self.threshold)))


def bucket(bound: float) -> str:
    """A bucket's bound as a scrape writes it."""
    return repr(float(bound))


def quantile(histogram: Histogram, where: tuple[Match, ...], share: float, window: float) -> Quantile:
    rates = Rate(Select(histogram, where, "_bucket"), window)
    return Quantile(share, Aggregate("sum", rates, ("le",)))


def used(free: Select, total: Select, by: tuple[str, ...] = ("instance",)) -> Expression:
    return Arithmetic(Number(1), "-", Arithmetic(Aggregate("sum", free, by), "/", Aggregate("sum", total, by)))


def busy(idle: Select, window: float, by: tuple[str, ...] = ("instance",)) -> Expression:
    return Arithmetic(Number(1), "-", Aggregate("avg", Rate(idle, window), by))
