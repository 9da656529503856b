"""Probes run in the background, so that asking for health is quick and never storms a dependency."""

import asyncio
from collections.abc import Mapping

import structlog

from ragkeeper.core.clock import Clock
from ragkeeper.operations.health.models import ComponentState, Health, ProbeResult
from ragkeeper.operations.health.ports import Probe
from ragkeeper.operations.health.rules import overall

_log = structlog.get_logger()

_INTERVAL = 5.0
_LIMIT = 4.0


class HealthService:
    """`look()` runs every probe once; `start()` keeps doing so. `seconds`: least time between two runs of a probe."""

    def __init__(self, probes: Mapping[str, Probe], clock: Clock) -> None:
        self._probes = probes
        self._clock = clock
        self._results: dict[str, ProbeResult] = {}
        self._task: asyncio.Task[None] | None = None
        self.draining = False

    @property
    def ready(self) -> bool:
        """Whether requests should be sent here."""
        return bool(self._results) and not self.draining and self.health().status is not ComponentState.UNHEALTHY

    def health(self) -> Health:
        """The newest results; unhealthy before the first look."""
        status = overall(self._results) if self._results else ComponentState.UNHEALTHY
        return Health(status, self._clock(), dict(self._results))

    async def start(self) -> None:
        await self.look()
        self._task = asyncio.create_task(self._watch(), name="health")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        results = await asyncio.gather(*(self._run(name, probe) for name, probe in self._probes.items()))
        self._results = dict(zip(self._probes, results, strict=True))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL)
            await self.look()

    async def _run(self, name: str, probe: Probe) -> ProbeResult:
        try:
            async with asyncio.timeout(_LIMIT):
                result = await probe()
        except TimeoutError:
            result = ProbeResult(ComponentState.UNHEALTHY, f"no answer within {_LIMIT:g} s")
        except Exception as error:  # noqa: BLE001 - a health check: whatever a probe raises means unhealthy
            result = ProbeResult(ComponentState.UNHEALTHY, f"{type(error).__name__}: {error}")
        before = self._results.get(name)
        if before is not None and before.state is not result.state:
            _log.warning("component_changed", component=name, state=result.state.value, reason=result.reason)
        return result
