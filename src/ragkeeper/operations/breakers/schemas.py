"""What crosses HTTP about breakers."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from ragkeeper.providers.resilience.models import Act, Cause, ProviderState, Standing, State

_LONGEST_REASON = 500


class BreakerBody(BaseModel):
    """`open` holds until one of the others, `close` forgets what failed, `auto` ends a hold: trial calls decide."""

    model_config = ConfigDict(extra="forbid")

    act: Act
    reason: str = Field("", max_length=_LONGEST_REASON, description="Recorded with the act.")


class BreakerView(BaseModel):
    """A provider as its calls showed it. Rates are shares of 1, latencies seconds until the first piece."""

    name: str
    provider: str
    model: str
    operation: str
    state: Standing
    breaker: State
    held: bool
    since: datetime
    next_try: datetime | None
    cause: Cause | None
    last_success: datetime | None
    last_failure: datetime | None
    last_failure_reason: str
    calls: int
    error_rate: float | None
    latency_p50: float | None
    latency_p95: float | None
    requests_per_minute: int | None
    requests_left: int | None
    paused_until: datetime | None
    status_page: str | None

    @classmethod
    def of(cls, state: ProviderState) -> Self:
        return cls(
            name=state.key.name,
            provider=state.key.provider,
            model=state.key.model,
            operation=state.key.operation,
            state=state.standing,
            breaker=state.state,
            held=state.held,
            since=state.since,
            next_try=state.next_try,
            cause=state.cause,
            last_success=state.last_success,
            last_failure=state.last_failure,
            last_failure_reason=state.last_failure_reason,
            calls=state.calls,
            error_rate=_rounded(state.error_rate),
            latency_p50=_rounded(state.latency_p50),
            latency_p95=_rounded(state.latency_p95),
            requests_per_minute=state.limit,
            requests_left=state.remaining,
            paused_until=state.paused_until,
            status_page=state.status_page,
        )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
