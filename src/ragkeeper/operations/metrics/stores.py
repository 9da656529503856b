"""Figures of what the server holds: documents, queue, index, database, caches."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from ragkeeper.core.clock import Clock
from ragkeeper.core.figures import holdings as figures
from ragkeeper.core.instruments import Gauge
from ragkeeper.core.metrics import OTHER, Metrics
from ragkeeper.operations.metrics.ports import CacheUse, CollectionCounts, IndexSize, Queue

_MOST_COLLECTIONS = 50
# The unit of `st_blocks`, whatever the file system's own is.
_BLOCK = 512


class DocumentFigures:
    def __init__(self, metrics: Metrics, collections: Callable[[], Awaitable[Sequence[CollectionCounts]]]) -> None:
        self._metrics = metrics
        self._collections = collections

    async def look(self) -> None:
        found = sorted(await self._collections(), key=lambda one: (-one.documents, one.name))
        self._tell(figures.DOCUMENTS, [(one.name, one.documents) for one in found])
        self._tell(figures.DOCUMENTS_SEARCHABLE, [(one.name, one.searchable) for one in found])
        self._tell(figures.CHUNKS, [(one.name, one.chunks) for one in found])

    def _tell(self, gauge: Gauge, counts: Sequence[tuple[str, int]]) -> None:
        series: dict[tuple[str, ...], float] = {(name,): count for name, count in counts[:_MOST_COLLECTIONS]}
        if rest := counts[_MOST_COLLECTIONS:]:
            series[OTHER,] = series.get((OTHER,), 0) + sum(count for _, count in rest)
        self._metrics.replace(gauge, series)


class QueueFigures:
    """activity: how many versions wait to be read once more, and why nothing is read, empty when something may be."""

    def __init__(
        self,
        metrics: Metrics,
        queue: Callable[[], Awaitable[Queue]],
        activity: Callable[[], tuple[int, str]],
        clock: Clock,
    ) -> None:
        self._metrics = metrics
        self._queue = queue
        self._activity = activity
        self._clock = clock

    async def look(self) -> None:
        found = await self._queue()
        postponed, held = self._activity()
        parsing = max(found.parsing - postponed, 0)  # what is read once more is still being read, in SQL
        states = {"waiting": found.waiting, "parsing": parsing, "postponed": postponed, "embedding": found.embedding}
        for state, count in {**states, "failed": found.dead}.items():
            self._metrics.set(figures.QUEUE_JOBS, count, state=state)
        self._metrics.set(figures.QUEUE_OLDEST, self._since(found.oldest))
        self._metrics.set(figures.QUEUE_STILL, min(self._since(found.oldest), self._since(found.read or found.oldest)))
        self._metrics.set(figures.QUEUE_DEAD, found.dead)
        self._metrics.set(figures.QUEUE_PAUSED, bool(held))
        self._metrics.set(figures.NEWEST_DOCUMENT, found.newest.timestamp() if found.newest else math.nan)

    def _since(self, moment: datetime | None) -> float:
        """Seconds; 0 where there was none, or where it is still to come by this clock."""
        return max((self._clock() - moment).total_seconds(), 0.0) if moment else 0.0


class IndexSizeFigures:
    """count: None from an index that is away."""

    def __init__(self, metrics: Metrics, count: Callable[[], Awaitable[IndexSize | None]], folder: Path) -> None:
        self._metrics = metrics
        self._count = count
        self._folder = folder

    async def look(self) -> None:
        found = await self._count()
        self._metrics.set(figures.INDEX_POINTS, found.points if found else math.nan)
        self._metrics.set(figures.INDEX_VECTORS, found.with_vectors if found else math.nan)
        self._metrics.set(figures.INDEX_BYTES, await asyncio.to_thread(_size_of, self._folder))


class DatabaseFigures:
    """file: of SQLite. unused: bytes of it that are free inside; connections: in use, and the most there can be."""

    def __init__(
        self,
        metrics: Metrics,
        file: Path,
        unused: Callable[[], Awaitable[int]],
        connections: Callable[[], tuple[int, int]],
    ) -> None:
        self._metrics = metrics
        self._file = file
        self._unused = unused
        self._connections = connections

    async def look(self) -> None:
        sizes = await asyncio.to_thread(self._sizes)
        for part, size in {**sizes, "unused": await self._unused()}.items():
            self._metrics.set(figures.DATABASE_BYTES, size, part=part)

    async def look_at_connections(self) -> None:
        """Apart from the others, which need one themselves: while all are in use, this is what must be told."""
        in_use, most = self._connections()
        self._metrics.set(figures.CONNECTIONS, in_use, datname=self._file.stem)
        self._metrics.set(figures.CONNECTIONS_MOST, most)

    def _sizes(self) -> dict[str, int]:
        return {"main": _bytes(self._file), "log": _bytes(self._file.with_name(f"{self._file.name}-wal"))}


class CacheFigures:
    """limit: the most bytes in the process. shared: whether Redis is there; None where none is set up."""

    def __init__(
        self,
        metrics: Metrics,
        usage: Callable[[], Awaitable[Mapping[str, CacheUse]]],
        limit: int,
        shared: Callable[[], bool | None],
    ) -> None:
        self._metrics = metrics
        self._usage = usage
        self._limit = limit
        self._shared = shared

    async def look(self) -> None:
        for kind, use in (await self._usage()).items():
            self._metrics.set(figures.CACHE_ENTRIES, use.entries, kind=kind)
            self._metrics.set(figures.CACHE_BYTES, use.bytes, kind=kind)
        self._metrics.set(figures.CACHE_LIMIT, self._limit)
        shared = self._shared()
        self._metrics.set(figures.REDIS_UP, math.nan if shared is None else shared)


def _bytes(file: Path) -> int:
    """What it takes on the disk: files of an index are made larger than what is in them, and filled later."""
    try:
        return file.stat().st_blocks * _BLOCK
    except FileNotFoundError:
        return 0


def _size_of(folder: Path) -> int:
    """A file that goes while they are counted counts as nothing."""
    return sum(_bytes(one) for one in folder.rglob("*") if one.is_file())
