"""Health as plain data."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ComponentState(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    NOT_CONFIGURED = "not_configured"


class CapabilityState(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """reason: for administrators and logs only; may name hosts and paths."""

    state: ComponentState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """status: healthy, degraded (something is missing, work goes on) or unhealthy (nothing useful can be served)."""

    status: ComponentState
    checked_at: datetime
    components: dict[str, ProbeResult]
