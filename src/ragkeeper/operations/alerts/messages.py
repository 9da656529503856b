"""What people are told, in words and as data. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ragkeeper.core.job_log import FailedJob
from ragkeeper.operations.alerts import failures
from ragkeeper.operations.alerts.evaluation import Key
from ragkeeper.operations.alerts.expressions import Labels
from ragkeeper.operations.alerts.models import Alert

SUBJECT = "RAG Interface Alert"
"""The guides' subject of every such mail."""

_FNV_START, _FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3
_END_OF_PART: Final = b"\xff"


@dataclass(frozen=True, slots=True)
class Message:
    """payload: as Alertmanager sends it to webhooks."""

    subject: str
    text: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sender:
    """name: of the machine, by which people know it. runbooks: where the pages of docs/operate are."""

    name: str
    runbooks: str


@dataclass(frozen=True, slots=True)
class Notice:
    """An alert as people are told of it. ended: None while it goes on. known: they were told that it began."""

    alert: Alert
    labels: Labels
    began: datetime
    ended: datetime | None = None
    known: bool = False

    @property
    def key(self) -> Key:
        return self.alert.title, self.labels

    @property
    def identity(self) -> tuple[Key, datetime]:
        """What begins anew after its end is another."""
        return self.key, self.began


@dataclass(frozen=True, slots=True)
class News:
    """What one channel has not been told yet: what began (or still goes on after hours), what is over, what failed."""

    firing: tuple[Notice, ...]
    over: tuple[Notice, ...]
    failed: tuple[FailedJob, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.firing or self.over or self.failed)


def message(news: News, sender: Sender, now: datetime) -> Message:
    """All of it in one message: what begins together is read together."""
    runbooks = sender.runbooks.rstrip("/")
    parts = [_begun(one, sender.name, runbooks) for one in news.firing]
    parts += failures.paragraphs(news.failed, runbooks)
    parts += [_over(one, sender.name) for one in news.over]
    # What began again comes after its end: the last word on a series is how it is now.
    alerts = [_alert(one, sender.name, runbooks) for one in news.over]
    alerts += [failures.payload(job, runbooks, now) for job in news.failed]
    alerts += [_alert(one, sender.name, runbooks) for one in news.firing]
    return _message(parts, alerts, sender.name)


def proof(sender: Sender, now: datetime) -> Message:
    text = "This is a test: messages of this server arrive."
    labels = {"alertname": "Test", "severity": "none"}
    alert = {"status": "firing", "labels": labels, "annotations": {"summary": text}, "startsAt": now.isoformat()}
    return _message([text], [alert], sender.name)


def filled(text: str, labels: Mapping[str, str], server: str = "this server") -> str:
    """The text of an alert for one series; a label that it lacks is this server's own."""
    for name, value in labels.items():
        text = text.replace(f"{{{name}}}", value)
    return text.replace("{instance}", server)


def _message(parts: Sequence[str], alerts: Sequence[dict[str, Any]], server: str) -> Message:
    """With what Alertmanager says of a group: here that is one server."""
    group = {"instance": server}
    for one in alerts:
        one["labels"] = {**group, **one["labels"]}
        one["fingerprint"] = _fingerprint(one["labels"])
    payload = {
        "version": "4",
        "groupKey": f'{{}}:{{instance="{server}"}}',
        "truncatedAlerts": 0,
        "status": "firing" if any(one["status"] == "firing" for one in alerts) else "resolved",
        "receiver": "ragkeeper",
        "groupLabels": group,
        "commonLabels": _common([one["labels"] for one in alerts]),
        "commonAnnotations": _common([one["annotations"] for one in alerts]),
        "externalURL": "",
        "alerts": list(alerts),
    }
    return Message(SUBJECT, "\n\n".join([*parts, f"Sent by ragkeeper on {server}."]) + "\n", payload)


def _begun(one: Notice, server: str, runbooks: str) -> str:
    labels = dict(one.labels)
    lines = [
        f"{_title(one, server)} since {_minute(one.began)}",
        filled(one.alert.description, labels, server),
        f"What to do: {runbooks}/{one.alert.page}.md",
    ]
    return "\n".join(lines)


def _over(one: Notice, server: str) -> str:
    """In one line; of what nobody was told while it went on, too."""
    word = "Over" if one.known else "Was, and is over"
    until = _minute(one.ended) if one.ended else "now"
    return f"{word}: {_title(one, server)} from {_minute(one.began)} until {until}"


def _title(one: Notice, server: str) -> str:
    return f"{filled(one.alert.summary, dict(one.labels), server)} ({one.alert.name}, {one.alert.severity.value})"


def _minute(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _alert(one: Notice, server: str, runbooks: str) -> dict[str, Any]:
    labels = dict(one.labels)
    named = {"alertname": one.alert.name, "severity": one.alert.severity.value, "owner": one.alert.owner}
    variant = {"window": one.alert.variant} if one.alert.variant else {}
    return {
        "status": "resolved" if one.ended else "firing",
        "labels": {**labels, **named, **variant},
        "annotations": {
            "summary": filled(one.alert.summary, labels, server),
            "description": filled(one.alert.description, labels, server),
            "runbook_url": f"{runbooks}/{one.alert.page}.md",
            "threshold": f"{one.alert.condition.threshold:g}",
        },
        "startsAt": one.began.isoformat(),
        **({"endsAt": one.ended.isoformat()} if one.ended else {}),
    }


def _common(groups: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What all of them say, and say alike."""
    first, rest = groups[0], groups[1:]
    return {name: value for name, value in first.items() if all(one.get(name) == value for one in rest)}


def _fingerprint(labels: Mapping[str, str]) -> str:
    """FNV-1a of names and values, as Prometheus has it of equal labels: one series keeps it as long as it lives."""
    return f"{_hashed(part.encode() for pair in sorted(labels.items()) for part in pair):016x}"


def _hashed(parts: Iterable[bytes]) -> int:
    found = _FNV_START
    for part in parts:
        for byte in part + _END_OF_PART:
            found = ((found ^ byte) * _FNV_PRIME) % 2**64
    return found
