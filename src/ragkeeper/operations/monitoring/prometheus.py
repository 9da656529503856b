"""Prometheus' own configuration and its files of rules."""

import re
from collections.abc import Iterable
from typing import Any

from ragkeeper.operations.alerts.expressions import JOB, duration
from ragkeeper.operations.alerts.models import Alert
from ragkeeper.operations.monitoring.models import GLOBAL_SECONDS, File, Files, Plan
from ragkeeper.operations.monitoring.yaml import to_yaml

NOTE = "# Written by `ragkeeper monitoring export`, again and again; your own rules go beside it.\n"
METRICS_TOKEN = "secrets/metrics_token"  # noqa: S105 - the name of a file
# The guides' names of files and groups.
_FILES = {"alerts.yml": ("rag-interface", "rag-objectives"), "rules/rag-system-alerts.yml": ("rag-system",)}


def prometheus_files(plan: Plan) -> Files:
    files = {"prometheus.yml": File(noted(_configuration(plan)))}
    files |= {path: File(noted({"groups": _groups(plan, names)})) for path, names in _FILES.items()}
    if plan.metrics_token:
        files[METRICS_TOKEN] = File(plan.metrics_token, secret=True)
    return files


def rule(alert: Alert, plan: Plan) -> dict[str, Any]:
    """One rule as Prometheus reads it."""
    variant = {"window": alert.variant} if alert.variant else {}
    return {
        "alert": alert.name,
        "expr": alert.condition.expression.promql(plan.span),
        "for": duration(plan.scaled(alert.hold)),
        "labels": {"severity": alert.severity.value, "owner": alert.owner, **variant},
        "annotations": {
            "summary": _templated(alert.summary),
            "description": _templated(alert.description),
            "runbook_url": runbook_url(alert, plan.runbooks),
            "threshold": f"{alert.condition.threshold:g}",
        },
    }


def runbook_url(alert: Alert, base: str) -> str:
    return f"{base.rstrip('/')}/{alert.page}.md"


def noted(value: dict[str, object]) -> str:
    """A file of ours, with a line that says so."""
    return NOTE + to_yaml(value)


def _configuration(plan: Plan) -> dict[str, Any]:
    every = plan.scaled(GLOBAL_SECONDS)
    return {
        "global": {
            "scrape_interval": duration(every),
            "scrape_timeout": _timeout(every),
            "evaluation_interval": duration(every),
        },
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [plan.alertmanager]}]}]},
        "rule_files": ["alerts.yml", "rules/*.yml"],
        "scrape_configs": [_job(plan, job) for job in dict.fromkeys(job for job, _ in plan.targets)],
    }


def _job(plan: Plan, job: str) -> dict[str, Any]:
    targets = [target for name, target in plan.targets if name == job]
    own: dict[str, Any] = {}
    if job == JOB:
        own = {"scrape_interval": duration(plan.scrape_seconds), "scrape_timeout": _timeout(plan.scrape_seconds)}
        if plan.metrics_token:
            own["authorization"] = {"credentials_file": METRICS_TOKEN}
    return {"job_name": job, "metrics_path": "/metrics", **own, "static_configs": [{"targets": targets}]}


def _timeout(interval: float) -> str:
    """Prometheus takes none that is longer than the interval."""
    return duration(min(interval, 10))


def _groups(plan: Plan, names: Iterable[str]) -> list[dict[str, Any]]:
    return [{"name": name, "rules": [rule(one, plan) for one in plan.alerts if one.group == name]} for name in names]


def _templated(text: str) -> str:
    return re.sub(r"\{(\w+)\}", r"{{ $labels.\1 }}", text)
