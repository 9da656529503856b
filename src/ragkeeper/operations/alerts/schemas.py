"""What crosses HTTP about alerts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from ragkeeper.operations.alerts.evaluation import Active
from ragkeeper.operations.alerts.messages import filled
from ragkeeper.operations.alerts.telling import Silence

_LONGEST = 30 * 86400.0


class AlertView(BaseModel):
    """An alert whose condition holds. state: `pending` until it has held for long enough, then `firing`."""

    name: str
    severity: str
    state: str
    seconds: float
    summary: str
    labels: Mapping[str, str]
    value: float
    threshold: float
    page: str

    @classmethod
    def of(cls, one: Active) -> Self:
        labels = dict(one.labels)
        return cls(
            name=one.alert.name,
            severity=one.alert.severity.value,
            state="firing" if one.firing else "pending",
            seconds=round(one.age, 1),
            summary=filled(one.alert.summary, labels),
            labels=labels,
            value=one.value,
            threshold=one.alert.condition.threshold,
            page=f"docs/operate/{one.alert.page}.md",
        )


class SilenceView(BaseModel):
    alert: str
    until: datetime
    by: str
    reason: str

    @classmethod
    def of(cls, one: Silence) -> Self:
        return cls(alert=one.alert, until=one.until, by=one.by, reason=one.reason)


class AlertsView(BaseModel):
    """channels: each with what its last message failed with, empty where it arrived."""

    alerts: list[AlertView]
    silences: list[SilenceView]
    channels: Mapping[str, str]


class SilenceBody(BaseModel):
    """alert: a name, or a name with its severity (`HighErrorRate.warning`). seconds: 0 ends a silence."""

    model_config = ConfigDict(extra="forbid")

    alert: str = Field(max_length=200)
    seconds: float = Field(ge=0, le=_LONGEST)
    reason: str = Field("", max_length=500)


class TestView(BaseModel):
    """The channels by which a test message left."""

    sent: list[str]
