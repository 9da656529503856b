"""The evaluator inside the server judges every course as Prometheus does."""

import math
from collections.abc import Iterator

import pytest

from ragkeeper.operations.alerts.evaluation import Active, Key, evaluated
from ragkeeper.operations.alerts.samples import Figure, Recent
from tests.integration.monitoring.cases import ALERTS, Case
from tests.integration.monitoring.courses import ALL
from tests.integration.monitoring.promtool import level

INSIDE = [case for case in ALL if not next(alert for alert in ALERTS if alert.name == case.name).outside]


@pytest.mark.parametrize("number", range(len(INSIDE)), ids=lambda number: f"{INSIDE[number].name}-{number}")
def test_it_fires_when_prometheus_does(number: int):
    case = INSIDE[number]
    assert seen(case) == [set(stage.firing) for stage in case.stages]


def seen(case: Case) -> list[set[str]]:
    """The levels that fire at the end of each stage."""
    own = [alert for alert in ALERTS if alert.name == case.name]
    recent = Recent(select for alert in own for select in alert.condition.expression.selects())
    ends = [end for end, _ in case.ends()]
    active: dict[Key, Active] = {}
    found: list[set[str]] = []
    for count, values in enumerate(case.samples()):
        now = count * case.step
        recent.add(now, list(figures(case, values)))
        active = evaluated(own, recent, now, active)
        if now in ends:
            found.append({level(one.alert) for one in active.values() if one.firing})
    return found


def figures(case: Case, values: list[float | None]) -> Iterator[Figure]:
    """A process does not tell Prometheus' labels."""
    for series, value in zip(case.series, values, strict=True):
        labels = {name: text for name, text in series.labels.items() if name not in {"job", "instance"}}
        if value is not None and not math.isnan(value):
            yield series.name, labels, value
