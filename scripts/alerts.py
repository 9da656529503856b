"""The page of alerts: the table of rules, and which fault was seen to fire each one (docs/reference/alerts.tsv)."""

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ragkeeper.operations.alerts.conditions import Burn
from ragkeeper.operations.alerts.expressions import duration
from ragkeeper.operations.alerts.models import Alert, Scene
from ragkeeper.operations.alerts.rules import alerts
from scripts.tables import table

SEEN = Path(__file__).resolve().parent.parent / "docs" / "reference" / "alerts.tsv"
_COLUMNS = ("alert", "severity", "threshold", "for", "says", "page", "in the guides")
_TARGET = (("rag-interface", "localhost:8000"),)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One alert that one fault was seen to fire. fired, ended: seconds after the fault began and ended.

    scale: how much shorter all waits and windows were. told: whether the webhook was told of it and of its end; where
    not, another alert says it.
    """

    alert: str
    fault: str
    scale: float
    thresholds: str
    fired: float
    ended: float
    told: bool


def read_sightings() -> list[Sighting]:
    if not SEEN.exists():
        return []
    with SEEN.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [_sighting(row) for row in rows]


def write_sightings(sightings: list[Sighting]) -> None:
    with SEEN.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [one.name for one in fields(Sighting)], delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(one) for one in sorted(sightings, key=lambda one: (one.alert, one.fault)))


def _sighting(row: dict[str, str]) -> Sighting:
    return Sighting(
        row["alert"],
        row["fault"],
        float(row["scale"]),
        row["thresholds"],
        float(row["fired"]),
        float(row["ended"]),
        row["told"] == "True",
    )


def alerts_page() -> str:
    rules, seen = alerts(Scene(_TARGET)), read_sightings()
    return (
        "# Alerts\n\n"
        "`ragkeeper monitoring export DIR` writes these rules for Prometheus, with routes for Alertmanager and "
        "dashboards for Grafana; the server evaluates all but the first four by itself. A threshold is changed by its "
        "name in `RAG_ALERT_THRESHOLDS`, such as `HighErrorRate.warning=0.02`; of an objective (`…Burn`) it is the "
        "share that should be good. Every alert links to its page, below `RAG_RUNBOOK_URL`.\n\n"
        + table(
            ("alert", "severity", "threshold", "for", "says", "page", "in the guides"), [_row(one) for one in rules]
        )
        + "\n## Seen to fire\n\n"
        "Each fault was brought about in a running server, with a real Prometheus and Alertmanager on the exported "
        "files and a webhook behind them (`python -m tests.faults.alerts --write`). Waits and windows were shortened "
        "(`--time-scale`), thresholds lowered where a queue or machine would have to suffer for hours. `told`: the "
        "webhook got it and its end; where not, another alert of the same fault keeps it silent.\n\n"
        + table(("alert", "fault", "times as fast", "threshold", "fired after", "ended after", "told"), _seen(seen))
        + _unseen(rules, seen)
    )


def _row(alert: Alert) -> tuple[str, ...]:
    threshold = f"{alert.condition.threshold:g}"
    if isinstance(alert.condition, Burn):
        threshold += f", burnt {alert.condition.factor:g} times too fast over {alert.variant}"
    return (
        f"`{alert.name}`",
        alert.severity.value,
        threshold,
        duration(alert.hold) if alert.hold else "",
        alert.summary.replace("{", "*").replace("}", "*"),
        f"[{alert.page}](../operate/{alert.page}.md)",
        "; ".join(alert.guides),
    )


def _seen(seen: list[Sighting]) -> list[tuple[str, ...]]:
    return [
        (
            f"`{one.alert}`",
            one.fault,
            f"{1 / one.scale:g}",
            one.thresholds.replace(",", ", "),
            f"{one.fired:g} s",
            f"{one.ended:g} s",
            "yes" if one.told else "",
        )
        for one in seen
    ]


def _unseen(rules: tuple[Alert, ...], seen: list[Sighting]) -> str:
    missing = [f"`{one.title}`" for one in rules if one.title not in {each.alert for each in seen}]
    return f"\nNot seen in a running server yet: {', '.join(missing)}.\n" if missing else ""
