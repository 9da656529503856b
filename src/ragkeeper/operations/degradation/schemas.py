"""What crosses HTTP about degradation."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from ragkeeper.operations.degradation.models import Cause, Degradation, Forced, Step
from ragkeeper.operations.degradation.rules import DEFAULT, LEAST, MOST


class ForceBody(BaseModel):
    """seconds: how long it holds; then the server is automatic again by itself."""

    model_config = ConfigDict(extra="forbid")

    step: Step
    seconds: float = Field(DEFAULT.total_seconds(), ge=LEAST.total_seconds(), le=MOST.total_seconds())
    reason: str = Field("", max_length=500)


class CauseView(BaseModel):
    """Something that is missing, since when and why; step: what it brings about."""

    name: str
    step: Step
    code: str
    reason: str
    since: datetime

    @classmethod
    def of(cls, cause: Cause) -> Self:
        seen = cause.seen
        return cls(name=seen.name, step=seen.step, code=seen.code, reason=seen.reason, since=cause.since)


class ForcedView(BaseModel):
    """What an administrator said. stored: it survives a restart of the server."""

    step: Step
    by: str
    since: datetime
    until: datetime
    reason: str
    stored: bool

    @classmethod
    def of(cls, forced: Forced) -> Self:
        return cls(
            step=forced.step,
            by=forced.by,
            since=forced.since,
            until=forced.until,
            reason=forced.reason,
            stored=forced.stored,
        )


class DegradationView(BaseModel):
    """step: the worst in force; answers: the best that an answer can be; takes_changes: whether changes are stored."""

    step: Step
    answers: Step
    takes_changes: bool
    causes: list[CauseView]
    forced: ForcedView | None

    @classmethod
    def of(cls, now: Degradation) -> Self:
        return cls(
            step=now.step,
            answers=now.answers,
            takes_changes=now.takes_changes,
            causes=[CauseView.of(cause) for cause in now.causes],
            forced=ForcedView.of(now.forced) if now.forced else None,
        )


def for_everybody(now: Degradation) -> dict[str, Any]:
    """Step and codes; reasons may name hosts and paths."""
    return {
        "step": now.step.value,
        "answers": now.answers.value,
        "takes_changes": now.takes_changes,
        "forced": now.forced is not None,
        "causes": [
            {"name": cause.seen.name, "code": cause.seen.code, "since": cause.since.isoformat()} for cause in now.causes
        ],
    }
