"""Figures of the servers that the product uses where they are set up: Redis, and PostgreSQL for jobs.

Their names are those of the servers' own exporters: rules that were written for these work as they are.
"""

import math
from collections.abc import Awaitable, Callable

from ragkeeper.core.figures import holdings as figures
from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.metrics.ports import JobsDatabaseUse, RedisUse


class RedisFigures:
    """use: None while Redis is away, or none is set up."""

    def __init__(self, metrics: Metrics, use: Callable[[], Awaitable[RedisUse | None]]) -> None:
        self._metrics = metrics
        self._use = use

    async def look(self) -> None:
        found = await self._use()
        self._metrics.set(figures.REDIS_MEMORY, found.memory if found else math.nan)
        self._metrics.set(figures.REDIS_MEMORY_MOST, found.most_memory if found else math.nan)
        self._metrics.set(figures.REDIS_CLIENTS, found.clients if found else math.nan)
        if found:
            self._metrics.reached(figures.REDIS_HITS, found.hits)
            self._metrics.reached(figures.REDIS_MISSES, found.misses)
            self._metrics.reached(figures.REDIS_EVICTED, found.evicted)


class JobsDatabaseFigures:
    """up: whether jobs can be recorded. use: None where it is not connected to."""

    def __init__(
        self, metrics: Metrics, up: Callable[[], bool], use: Callable[[], Awaitable[JobsDatabaseUse | None]]
    ) -> None:
        self._metrics = metrics
        self._up = up
        self._use = use

    async def look(self) -> None:
        """Apart from its other figures, which wait for it where it does not answer."""
        self._metrics.set(figures.JOBS_DATABASE_UP, self._up())

    async def look_at_use(self) -> None:
        found = await self._use()
        sizes, connections = ({(found.name,): found.bytes}, {(found.name,): found.connections}) if found else ({}, {})
        self._metrics.replace(figures.JOBS_DATABASE_BYTES, sizes)
        self._metrics.replace(figures.JOBS_DATABASE_CONNECTIONS, connections)
