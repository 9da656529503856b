"""Notices a clock that was set, by another that nobody can set."""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from ragkeeper.operations.health.models import ComponentState, ProbeResult

WINDOW = 3600.0
_EVERY = 10.0
_LIMIT = 60.0
# Goes on while the machine sleeps, which is not setting the clock; not every system has it.
_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _steady() -> float:
    return time.clock_gettime(_STEADY)


class ClockWatch:
    """wall: seconds since 1970, as the machine has them; steady: seconds since any moment."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = _steady) -> None:
        self._wall = wall
        self._steady = steady
        self._kept: deque[tuple[float, float]] = deque(maxlen=int(WINDOW / _EVERY) + 1)

    def step(self) -> float:
        """Seconds by which the clock was set within the last hour, forward or back; about 0 where it only went on."""
        now = self._steady()
        ahead = self._wall() - now
        if not self._kept or now - self._kept[-1][0] >= _EVERY:
            self._kept.append((now, ahead))
        while now - self._kept[0][0] > WINDOW:
            self._kept.popleft()
        return abs(ahead - self._kept[0][1])

    async def probe(self) -> ProbeResult:
        step = self.step()
        if step < _LIMIT:
            return ProbeResult(ComponentState.HEALTHY)
        return ProbeResult(ComponentState.DEGRADED, f"it was set by {step:.0f} s within the last hour", "clock_set")
