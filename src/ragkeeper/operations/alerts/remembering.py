"""What was told and what waits, as the table of settings keeps it over a restart. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ragkeeper.core.job_log import FailedJob
from ragkeeper.operations.alerts.messages import Notice
from ragkeeper.operations.alerts.models import Alert
from ragkeeper.operations.alerts.telling import Memory

UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)
"""What `read` raises of a value that is damaged or of another release."""


def written(memory: Memory) -> dict[str, Any]:
    """As JSON has it."""
    return {
        "told": [[at.isoformat(), _written(one)] for at, one in memory.told],
        "new": [_written(one) for one in memory.new],
        "past": [_written(one) for one in memory.past],
        "failed": [asdict(one) for one in memory.failed],
    }


def read(value: Mapping[str, Any], alerts: Iterable[Alert]) -> Memory:
    """Without alerts that this release does not have. Raises one of UNREADABLE."""
    known = {one.title: one for one in alerts}
    return Memory(
        tuple((_moment(at), _read(one, known)) for at, one in value["told"] if one["alert"] in known),
        tuple(_read(one, known) for one in value["new"] if one["alert"] in known),
        tuple(_read(one, known) for one in value["past"] if one["alert"] in known),
        tuple(FailedJob(**{name: str(text) for name, text in one.items()}) for one in value["failed"]),
    )


def _written(one: Notice) -> dict[str, Any]:
    return {
        "alert": one.alert.title,
        "labels": dict(sorted(one.labels)),
        "began": one.began.isoformat(),
        "ended": one.ended.isoformat() if one.ended else None,
        "known": one.known,
    }


def _read(value: Mapping[str, Any], known: Mapping[str, Alert]) -> Notice:
    labels = frozenset((str(name), str(text)) for name, text in value["labels"].items())
    ended = _moment(value["ended"]) if value["ended"] else None
    return Notice(known[value["alert"]], labels, _moment(value["began"]), ended, value["known"] is True)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
