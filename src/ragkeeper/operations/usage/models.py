"""What was asked of this process since it began."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RouteUse:
    """path: the route's template; callers: requests by kind of caller, those kinds alone that sent any."""

    path: str
    requests: int
    callers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Intake:
    """Contents that were sent: read to an end, and turned away or unreadable, by the code that said why."""

    ok: int
    unsuccessful: Mapping[str, int]

    @property
    def success_share(self) -> float | None:
        """From 0 to 1; None before the first."""
        total = self.ok + sum(self.unsuccessful.values())
        return round(self.ok / total, 4) if total else None


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """What the server's processes of one role have taken and hold; resident: bytes, shared pages included."""

    cpu_seconds: float
    resident: int
