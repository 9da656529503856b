"""Collects finished traces and sends them in the background; a collector that is away costs traces and nothing else."""

import asyncio
from collections.abc import Mapping

import httpx
import structlog

from ragkeeper.core.figures.work import TRACES_LOST, TRACES_SENT
from ragkeeper.core.metrics import Metrics
from ragkeeper.core.tracing import Trace
from ragkeeper.operations.tracing.rules import payload

_log = structlog.get_logger()

_EVERY = 1.0
_LIMIT = 5.0
_MOST_WAITING = 1000
_AT_ONCE = 100


class TraceExporter:
    """endpoint: such as `http://localhost:4318/v1/traces`. `finished` from the event loop's own thread."""

    def __init__(
        self, endpoint: str, headers: Mapping[str, str], version: str, metrics: Metrics, every: float = _EVERY
    ) -> None:
        self._endpoint = endpoint
        self._client = httpx.AsyncClient(headers=dict(headers), timeout=_LIMIT, trust_env=False)
        self._version = version
        self._metrics = metrics
        self._every = every
        self._waiting: list[Trace] = []
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    def finished(self, trace: Trace) -> None:
        if len(self._waiting) < _MOST_WAITING:
            self._waiting.append(trace)
        else:
            self._metrics.count(TRACES_LOST)

    def start(self) -> None:
        self._task = asyncio.create_task(self._watch(), name="traces")

    async def stop(self) -> None:
        """What has gathered is sent first, if the collector takes it at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self.send()
        await self._client.aclose()

    async def send(self) -> None:
        """Everything that waits, as far as it is taken."""
        while self._waiting:
            batch, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            taken = await self._post(batch)
            self._metrics.count(TRACES_SENT if taken else TRACES_LOST, len(batch))
            if not taken:
                return

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self.send()

    async def _post(self, batch: list[Trace]) -> bool:
        try:
            answer = await self._client.post(self._endpoint, json=payload(batch, self._version))
            answer.raise_for_status()
        except httpx.HTTPError as error:
            if not self._failing:
                _log.warning("traces_not_sent", reason=str(error) or type(error).__name__)
            self._failing = True
            return False
        self._failing = False
        return True
