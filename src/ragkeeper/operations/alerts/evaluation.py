"""Which alerts are active at a moment, and which of them have been for long enough. No I/O, no clock."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ragkeeper.operations.alerts.expressions import Labels, Moment
from ragkeeper.operations.alerts.models import Alert


@dataclass(frozen=True, slots=True)
class Active:
    """An alert whose condition holds for the series with these labels. since: when that began; seen: last look."""

    alert: Alert
    labels: Labels
    value: float
    since: float
    seen: float
    firing: bool

    @property
    def age(self) -> float:
        """Seconds for which it was so."""
        return self.seen - self.since

    @property
    def key(self) -> "Key":
        return self.alert.title, self.labels


Key = tuple[str, Labels]


def evaluated(alerts: Iterable[Alert], moment: Moment, now: float, before: Mapping[Key, Active]) -> dict[Key, Active]:
    """What is active now. before: what was at the last look."""
    return {one.key: one for alert in alerts if not alert.outside for one in _active(alert, moment, now, before)}


def _active(alert: Alert, moment: Moment, now: float, before: Mapping[Key, Active]) -> Iterator[Active]:
    for labels, value in alert.condition.expression.values(moment).items():
        held = before.get((alert.title, labels))
        since = held.since if held else now
        yield Active(alert, labels, value, since, now, firing=now - since >= alert.hold)


def by_name(active: Iterable[Active]) -> list[Active]:
    """The worst first, then by name."""
    return sorted(active, key=lambda one: (one.alert.severity.value, one.alert.title, sorted(one.labels)))
