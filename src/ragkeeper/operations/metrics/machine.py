"""Figures of the machine: its processors, memory, network and clock."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from ragkeeper.core.figures import machine as figures
from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.health.models import Machine
from ragkeeper.operations.metrics import proc

_MOST_DEVICES = 20
# One for each container, which comes and goes with it, and the bridges between them: their bytes pass a real one too.
_OF_CONTAINERS = ("veth", "docker", "br-", "cni", "cali", "flannel", "lxc", "virbr", "vnet")


class MachineFigures:
    """container: what limits it, as health has it. step: by how many seconds the clock was set lately."""

    def __init__(
        self,
        metrics: Metrics,
        container: Callable[[], Machine | None],
        root: Path = proc.PROC,
        step: Callable[[], float] = float,
    ) -> None:
        self._metrics = metrics
        self._container = container
        self._root = root
        self._step = step

    async def look(self) -> None:
        await asyncio.to_thread(self._look)

    def _look(self) -> None:
        for (cpu, mode), seconds in proc.cpu_seconds(self._root).items():
            self._metrics.reached(figures.CPU_SECONDS, seconds, cpu=cpu, mode=mode)
        for gauge, value in zip((figures.LOAD_1, figures.LOAD_5, figures.LOAD_15), proc.load(self._root), strict=True):
            self._metrics.set(gauge, value)
        self._look_at_network()
        self._metrics.set(figures.CLOCK, time.time())
        self._metrics.set(figures.CLOCK_STEP, self._step())
        self._metrics.set(figures.PROCESSORS, proc.usable_processors(self._root))
        self._look_at_memory()

    def _look_at_network(self) -> None:
        found = {device: n for device, n in proc.network(self._root).items() if not device.startswith(_OF_CONTAINERS)}
        for device, (received, sent) in list(found.items())[:_MOST_DEVICES]:
            self._metrics.reached(figures.NETWORK_RECEIVED, received, device=device)
            self._metrics.reached(figures.NETWORK_SENT, sent, device=device)

    def _look_at_memory(self) -> None:
        found = proc.memory(self._root)
        total, available = found["MemTotal"], found["MemAvailable"]
        container = self._container()
        if container is not None and container.limited:
            total, available = container.memory_total, max(container.memory_total - container.memory_used, 0)
            self._metrics.set(figures.CONTAINER_MEMORY, container.memory_total)
        self._metrics.set(figures.MACHINE_MEMORY, found["MemTotal"])
        self._metrics.set(figures.MEMORY_TOTAL, total)
        self._metrics.set(figures.MEMORY_AVAILABLE, available)
        self._metrics.set(figures.MEMORY_FREE, found["MemFree"])
        self._metrics.set(figures.SWAP_TOTAL, found["SwapTotal"])
        self._metrics.set(figures.SWAP_FREE, found["SwapFree"])
