"""Figures of how the server is: its version, its parts, what it can do, its background loops."""

import platform
import sqlite3
import time
from collections.abc import Callable, Mapping

from ragkeeper.core.figures import holdings as figures
from ragkeeper.core.metrics import Metrics
from ragkeeper.core.telemetry import LOGGED
from ragkeeper.operations.health.models import CapabilityState, ComponentState, Health


class ConditionFigures:
    """Known in the process already: nothing is looked up.

    loops: the last error of each, None when it went well. providers: by provider and model, whether it can be used.
    """

    def __init__(
        self,
        metrics: Metrics,
        version: str,
        health: Callable[[], Health],
        ready: Callable[[], bool],
        loops: Callable[[], Mapping[str, str | None]],
        providers: Callable[[], Mapping[tuple[str, str], bool]] = dict,
    ) -> None:
        self._metrics = metrics
        self._health = health
        self._ready = ready
        self._loops = loops
        self._providers = providers
        python = platform.python_version()
        metrics.set(figures.BUILD, 1, version=version, python=python, sqlite=sqlite3.sqlite_version)
        metrics.set(figures.STARTED, time.time())
        metrics.before_scrape(self.refresh)

    def refresh(self) -> None:
        found = self._health()
        set_up = {
            name: part.state
            for name, part in found.components.items()
            if part.state is not ComponentState.NOT_CONFIGURED
        }
        ok = {(name,): state is ComponentState.HEALTHY for name, state in set_up.items()}
        usable = {(name,): state is not ComponentState.UNHEALTHY for name, state in set_up.items()}
        self._metrics.replace(figures.COMPONENT_OK, ok)
        self._metrics.replace(figures.COMPONENT_UP, usable)
        for name, capability in found.capabilities.items():
            self._metrics.set(figures.CAPABILITY_OK, capability.state is CapabilityState.OK, capability=name)
            self._metrics.set(figures.CAPABILITY_UP, capability.state is not CapabilityState.DOWN, capability=name)
        for name, error in self._loops().items():
            self._metrics.set(figures.LOOP_OK, error is None, loop=name)
        self._metrics.replace(figures.PROVIDER_UP, self._providers())
        self._metrics.set(figures.READY, self._ready())
        LOGGED.tell(self._metrics)
