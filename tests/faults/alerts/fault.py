"""One fault: how it begins and ends, what goes on meanwhile, and which alerts must fire and end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.alerts.scene import Needs, Scene

Act = Callable[[Scene], Any]
# So many times faster that windows of days pass in minutes; what lasts five minutes lasts a second.
DAYS = 0.0005


def _nothing(_: Scene) -> None:
    """It ends by itself."""


@dataclass(frozen=True)
class Fault:
    """alerts: titles that must fire and end; untold: those of them that another one keeps silent.

    load: what goes on before, meanwhile and after, by so many threads, with a pause.
    """

    name: str
    alerts: tuple[str, ...]
    begin: Act
    end: Act = _nothing
    needs: Needs = field(default_factory=Needs)
    load: Act | None = None
    threads: int = 1
    pause: float = 0.05
    untold: tuple[str, ...] = ()
    seconds: float = 60.0
