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
class Limits:
    """What decides besides the parts. read_only: nothing is stored now; needs_model: no model, no answer."""

    read_only: bool = False
    needs_model: bool = False


@dataclass(frozen=True, slots=True)
class Capability:
    """Something the server can do or not.

    because: the parts that are unwell and that it depends on; held: what holds it back whatever the parts are.
    """

    state: CapabilityState
    because: tuple[str, ...] = ()
    held: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """status: healthy, degraded (something is missing, work goes on) or unhealthy (nothing useful can be served).

    checked_at: when the parts were looked at last. since: when each part and each capability came into its present
    state, by name.
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


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests of users over the last `seconds`. Times in seconds, shares from 0 to 1; None: there was none.

    error_share: answered 5xx; refused_share: 4xx; cpu_share: of all the processors that may be used; sql_p95: of the
    server's statements, whoever they were for.
    """

    seconds: float
    requests: int
    per_second: float
    p50: float | None
    p95: float | None
    p99: float | None
    error_share: float | None
    refused_share: float | None
    cpu_share: float | None
    sql_p95: float | None = None


class DiskVerdict(StrEnum):
    OK = "ok"
    LOW = "low"  # above the target
    FULL = "full"  # nothing large can be taken in any more
    MISSING = "missing"
    UNKNOWN = "unknown"  # its file system does not say how large it is


@dataclass(frozen=True, slots=True)
class Disk:
    """A path that is written to, and its file system: bytes and inodes, each 0 where it does not say how many.

    used and total are what `df` says: blocks kept back for the superuser are not there for others.
    """

    what: str
    path: str
    total: int
    used: int
    free: int
    inodes: int
    inodes_free: int
    device: int
    verdict: DiskVerdict = DiskVerdict.OK

    @property
    def used_share(self) -> float:
        return self.used / (self.used + self.free) if self.used + self.free else 0.0

    @property
    def inodes_share(self) -> float:
        return 1 - self.inodes_free / self.inodes if self.inodes else 0.0


@dataclass(frozen=True, slots=True)
class Target:
    """A figure beside what it should stay below. ok: None where there is no figure."""

    name: str
    value: float | None
    target: float
    unit: str

    @property
    def ok(self) -> bool | None:
        return None if self.value is None else self.value < self.target
