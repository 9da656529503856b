"""What people are told, in words and as data. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ragkeeper.core.job_log import FailedJob
from ragkeeper.operations.alerts import failures
from ragkeeper.operations.alerts.evaluation import Active

SUBJECT = "RAG Interface Alert"
"""The guides' subject of every such mail."""


@dataclass(frozen=True, slots=True)
class Message:
    """payload: as Alertmanager sends it to webhooks."""

    subject: str
    text: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class News:
    """What one channel has not been told yet: what began (or still goes on after hours), what is over, what failed."""

    firing: tuple[Active, ...]
    over: tuple[Active, ...]
    failed: tuple[FailedJob, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.firing or self.over or self.failed)


def message(news: News, runbooks: str, now: datetime) -> Message:
    """All of it in one message: what begins together is read together."""
    parts = [_paragraph("", one, runbooks) for one in news.firing]
    parts += failures.paragraphs(news.failed, runbooks.rstrip("/"))
    parts += [_paragraph("Over: ", one, runbooks) for one in news.over]
    alerts = [_alert(one, "firing", runbooks, now) for one in news.firing]
    alerts += [failures.payload(job, runbooks.rstrip("/"), now) for job in news.failed]
    alerts += [_alert(one, "resolved", runbooks, now) for one in news.over]
    status = "firing" if news.firing or news.failed else "resolved"
    payload = {"version": "4", "status": status, "receiver": "ragkeeper", "alerts": alerts}
    return Message(SUBJECT, "\n\n".join(parts) + "\n", payload)


def proof(now: datetime) -> Message:
    text = "This is a test: messages of this server arrive."
    labels = {"alertname": "Test", "severity": "none"}
    alert = {"status": "firing", "labels": labels, "annotations": {"summary": text}, "startsAt": now.isoformat()}
    payload = {"version": "4", "status": "firing", "receiver": "ragkeeper", "alerts": [alert]}
    return Message(SUBJECT, text + "\n", payload)


def filled(text: str, labels: Mapping[str, str]) -> str:
    """The text of an alert for one series; a label that it lacks is this server's own."""
    for name, value in labels.items():
        text = text.replace(f"{{{name}}}", value)
    return text.replace("{instance}", "this server")


def _paragraph(prefix: str, one: Active, runbooks: str) -> str:
    labels = dict(one.labels)
    lines = [
        f"{prefix}{filled(one.alert.summary, labels)} ({one.alert.name}, {one.alert.severity.value})",
        filled(one.alert.description, labels),
        f"What to do: {runbooks.rstrip('/')}/{one.alert.page}.md",
    ]
    return "\n".join(lines if not prefix else lines[:1])


def _alert(one: Active, status: str, runbooks: str, now: datetime) -> dict[str, Any]:
    labels = dict(one.labels)
    began = datetime.fromtimestamp(now.timestamp() - max(one.age, 0), UTC)
    named = {"alertname": one.alert.name, "severity": one.alert.severity.value, "owner": one.alert.owner}
    variant = {"window": one.alert.variant} if one.alert.variant else {}
    return {
        "status": status,
        "labels": {**labels, **named, **variant},
        "annotations": {
            "summary": filled(one.alert.summary, labels),
            "description": filled(one.alert.description, labels),
            "runbook_url": f"{runbooks.rstrip('/')}/{one.alert.page}.md",
            "threshold": f"{one.alert.condition.threshold:g}",
        },
        "startsAt": began.isoformat(),
        **({"endsAt": now.isoformat()} if status == "resolved" else {}),
    }
