"""Health as plain data."""

from collections.abc import Mapping
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
    """code: stable, for everybody; reason: for administrators and logs only, may name hosts and paths."""

    state: ComponentState
    reason: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Capability:
    """Something the server can do or not. because: the parts that are unwell and that it depends on."""

    state: CapabilityState
    because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """status: healthy, degraded (something is missing, work goes on) or unhealthy (nothing useful can be served).

    since: when each part and each capability came into its present state, by name.
    """

    status: ComponentState
    checked_at: datetime
    components: Mapping[str, ProbeResult]
    capabilities: Mapping[str, Capability]
    since: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class Machine:
    """Memory in bytes, of the container where it is `limited` to less than the machine has; load averages."""

    memory_total: int
    memory_used: int
    limited: bool
    load_1: float
    load_5: float
    load_15: float
