"""The page of all metrics, with the alerts and panels that ask for each: derived from their own expressions."""

import re
from collections.abc import Iterator
from pathlib import Path

from ragkeeper.core.instruments import Histogram, Metric
from ragkeeper.core.metrics import TABLE
from ragkeeper.operations.alerts.models import USER_PATHS, Scene
from ragkeeper.operations.alerts.rules import alerts
from ragkeeper.operations.monitoring.dashboards import dashboards
from ragkeeper.operations.monitoring.models import Plan, Receivers
from scripts.tables import table

_SUFFIX = r"(?:_bucket|_count|_sum)?"


def metrics_page() -> str:
    asked = tuple(_asked())
    return (
        "# Metrics\n\n"
        "`GET /metrics` gives every figure in Prometheus' text format: to anybody on the server's own machine, and "
        "elsewhere to who sends `RAG_METRICS_TOKEN` or an administrator's key as `Authorization: Bearer`. A label's "
        "value that is not listed here counts as `other`. Metrics whose labels are all listed exist from the start; "
        "the others begin with the first provider, path or status. The last column names the alerts, and in italics "
        "the panels of the dashboards, that ask for it.\n\n"
        + table(("name", "type", "labels", "unit", "meaning", "used by"), [_row(one, asked) for one in TABLE])
    )


def _row(metric: Metric, asked: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    word = re.compile(rf"\b{metric.name}{_SUFFIX}\b")
    uses = dict.fromkeys(name for name, expression in asked if word.search(expression))
    meaning = f"{metric.help}{_buckets(metric)}"
    return f"`{metric.name}`", type(metric).__name__.lower(), _labels(metric), metric.unit, meaning, ", ".join(uses)


def _asked() -> Iterator[tuple[str, str]]:
    """Who asks, and what."""
    plan = _plan()
    for alert in plan.alerts:
        yield alert.name, alert.condition.expression.promql(plan.span)
    for board in dashboards(plan):
        for panel in board.panels:
            for query in panel.queries:
                yield f"*{panel.title}*", query.asks.promql(plan.span)


def _plan() -> Plan:
    return Plan(alerts(Scene()), (), USER_PATHS, "", Receivers(), "", Path())


def _labels(metric: Metric) -> str:
    return "; ".join(
        f"`{label.name}`" + (f": {', '.join(f'`{value}`' for value in label.values)}" if label.values else "")
        for label in metric.labels
    )


def _buckets(metric: Metric) -> str:
    if not isinstance(metric, Histogram):
        return ""
    return f" Buckets: {', '.join(f'{bound:g}' for bound in metric.buckets)}."
