"""One fault from its begin to its end: which alerts fired and were told, and after how long."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.alerts.fault import Fault
from tests.faults.alerts.scene import Scene, load, scene
from tests.integration.monitoring.stack import Programs

_CALM_SECONDS = 4.0


@dataclass(frozen=True)
class Seen:
    """Seconds from the begin of the fault until each alert fired, and from its end until it no longer did.

    told, resolved: titles that the webhook was told of, and of whose end.
    """

    fault: Fault
    early: tuple[str, ...]
    fired: dict[str, float]
    ended: dict[str, float]
    told: tuple[str, ...]
    resolved: tuple[str, ...]

    def misses(self) -> list[str]:
        """What should have been and was not."""
        loud = set(self.fault.alerts) - set(self.fault.untold)
        return [
            *(f"{one} fired before" for one in self.early),
            *(f"{one} did not fire" for one in self.fault.alerts if one not in self.fired),
            *(f"{one} did not end" for one in self.fired if one not in self.ended),
            *(f"{one} was not told" for one in sorted(loud - set(self.told))),
            *(f"{one} was not told to be over" for one in sorted(loud - set(self.resolved))),
        ]


def run(fault: Fault, programs: Programs, redis: Path, folder: Path) -> Seen:
    with scene(programs, redis, folder, fault.needs) as made:
        work = (lambda: fault.load(made)) if fault.load else None
        with load(work, fault.threads, fault.pause):
            time.sleep(_CALM_SECONDS)
            early = tuple(sorted(made.stack.firing() & set(fault.alerts)))
            began = time.monotonic()
            fault.begin(made)
            fired = _until(made, lambda firing: set(fault.alerts) & firing, fault, began)
            _told(made, fault, "firing")
            ended_at = time.monotonic()
            fault.end(made)
            ended = _until(made, lambda firing: set(fired) - firing, fault, ended_at)
            _told(made, fault, "resolved")
            names = made.stack.receiver.names
            return Seen(fault, early, fired, ended, tuple(names("firing")), tuple(names("resolved")))


def _until(made: Scene, reached: Callable[[set[str]], set[str]], fault: Fault, since: float) -> dict[str, float]:
    """When each alert was first seen as wanted, in seconds."""
    found: dict[str, float] = {}
    while len(found) < len(fault.alerts) and time.monotonic() - since < fault.seconds:
        for one in reached(made.stack.firing()):
            found.setdefault(one, time.monotonic() - since)
        time.sleep(0.1)
    return found


def _told(made: Scene, fault: Fault, status: str) -> None:
    """Alertmanager waits for a while before it tells."""
    wanted = set(fault.alerts) - set(fault.untold)
    end = time.monotonic() + 15
    while not wanted <= made.stack.receiver.names(status) and time.monotonic() < end:
        time.sleep(0.1)
