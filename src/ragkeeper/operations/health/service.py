"""Probes run in the background, so that asking for health is quick and never storms a dependency."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from ragkeeper.core.clock import Clock
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.lines import REASON_LENGTH, one_line
from ragkeeper.core.redaction import without_secrets
from ragkeeper.operations.health import repository
from ragkeeper.operations.health.models import ComponentState, Health, Limits, Machine, ProbeResult
from ragkeeper.operations.health.ports import Probe
from ragkeeper.operations.health.rules import NO_ANSWER, capabilities, overall, settled
from ragkeeper.operations.health.watchdog import Watchdog

_log = structlog.get_logger()

_INTERVAL = 5.0
_LIMIT = 4.0
# A change is told when it is seen again after this many seconds.
_SURE_AFTER = 1.0
# Texts that the guides look for in the log; each at most once a minute.
_CRIES = {"database": "Database connection failed"}
_QUIET = timedelta(minutes=1)
_UNKNOWN = ProbeResult(ComponentState.NOT_CONFIGURED)


class HealthService:
    """`look()` runs every probe once; `start()` keeps doing so. `limit`: seconds that one look waits for a probe.

    A part that changes is told to have changed when the next look, a second later, sees the same. `limits`: what holds
    the server back at this moment besides its parts.
    """

    def __init__(
        self,
        probes: Mapping[str, Probe],
        clock: Clock,
        limit: float = _LIMIT,
        limits: Callable[[], Limits] = Limits,
    ) -> None:
        self.watchdog = Watchdog()
        self._probes = {**probes, "event_loop": self._probe_loop} if probes else {}
        self._clock = clock
        self._limit = limit
        self._limits = limits
        self._waiting: dict[str, ProbeResult] = {}
        self._results: dict[str, ProbeResult] = {}
        self._looked_at: datetime | None = None
        self._states: dict[str, str] = {}
        self._since: dict[str, datetime] = {}
        self._cried: dict[str, datetime] = {}
        self._hanging: dict[str, asyncio.Task[ProbeResult]] = {}
        self._task: asyncio.Task[None] | None = None
        self.draining = False

    @property
    def starting(self) -> bool:
        """Whether no part was looked at yet."""
        return not self._results

    @property
    def ready(self) -> bool:
        """Whether requests should be sent here."""
        return bool(self._results) and not self.draining and self.health().status is not ComponentState.UNHEALTHY

    def health(self) -> Health:
        """The newest results, and what can be done with them now; unhealthy before the first look."""
        now = self._clock()
        status = overall(self._results) if self._results else ComponentState.UNHEALTHY
        able = capabilities(self._results, self._limits())
        found = Health(status, self._looked_at or now, dict(self._results), able, self._since)
        # What is forced changes between two looks, and whoever asks first finds it.
        self._note_changes(found, now)
        return replace(found, since=dict(self._since))

    def machine(self) -> Machine | None:
        return repository.machine()

    async def start(self) -> None:
        self.watchdog.start()
        await self.look()
        self._task = asyncio.create_task(self._watch(), name="health")

    async def stop(self) -> None:
        tasks = [*self._hanging.values(), *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.watchdog.stop()

    async def look(self) -> None:
        results = await asyncio.gather(*(self._ask(name, probe) for name, probe in self._probes.items()))
        self._results = {name: self._told(name, seen) for name, seen in zip(self._probes, results, strict=True)}
        self._looked_at = self._clock()
        found = self.health()
        for name, text in _CRIES.items():
            self._cry(text, found.components.get(name, _UNKNOWN))

    def _told(self, name: str, seen: ProbeResult) -> ProbeResult:
        shown, waiting = self._results.get(name), self._waiting.pop(name, None)
        if shown is not None and not settled(shown, waiting, seen):
            self._waiting[name] = seen
            return shown
        told = replace(seen, reason=one_line(seen.reason, REASON_LENGTH))
        is_news = shown is None or shown.reason != told.reason
        if (shown is not None and shown.state is not seen.state) or (is_news and told.reason != seen.reason):
            _log.warning("component_changed", component=name, state=seen.state.value, reason=seen.reason)
        return told

    def _note_changes(self, found: Health, now: datetime) -> None:
        states = _states(found)
        for name, state in states.items():
            if self._states.get(name) != state:
                self._since[name] = now
        self._states = states

    def _cry(self, text: str, result: ProbeResult) -> None:
        now = self._clock()
        if result.state is not ComponentState.UNHEALTHY or now - self._cried.get(text, now - _QUIET) < _QUIET:
            return
        self._cried[text] = now
        _log.error(text, code=result.code, reason=result.reason)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_SURE_AFTER if self._waiting else _INTERVAL)
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - a watch that ends would tell its last look for good
                _log.error("health_look_failed", exc_info=error)

    async def _probe_loop(self) -> ProbeResult:
        blocked = self.watchdog.blocked
        if blocked is None:
            return ProbeResult(ComponentState.HEALTHY)
        return ProbeResult(ComponentState.DEGRADED, f"it stood still for {blocked:.0f} s", "event_loop_blocked")

    async def _ask(self, name: str, probe: Probe) -> ProbeResult:
        """Wait no longer than the limit. A probe that hangs is left alone and waited for again at the next look.

        Ending it would wait for what it hangs on, and asking anew would pile up more of the same.
        """
        task = self._hanging.pop(name, None) or asyncio.create_task(probe(), name=f"probe {name}")
        self._hanging[name] = task  # until it is done: `stop` ends what is here
        await asyncio.wait({task}, timeout=self._limit)
        if not task.done():
            return ProbeResult(ComponentState.UNHEALTHY, f"no answer within {self._limit:g} s", NO_ANSWER)
        self._hanging.pop(name, None)
        try:
            result = task.result()
        except RagkeeperError as error:
            result = ProbeResult(ComponentState.UNHEALTHY, f"{type(error).__name__}: {error}", error.code)
        except Exception as error:  # noqa: BLE001 - a health check: whatever a probe raises means unhealthy
            result = ProbeResult(ComponentState.UNHEALTHY, f"{type(error).__name__}: {error}", "probe_failed")
        return replace(result, reason=without_secrets(result.reason)[0])


def _states(health: Health) -> dict[str, str]:
    """The state of each part and each capability; none while no part was looked at."""
    parts = {name: part.state.value for name, part in health.components.items()}
    able = {name: capability.state.value for name, capability in health.capabilities.items()}
    return {**parts, **able} if parts else {}
