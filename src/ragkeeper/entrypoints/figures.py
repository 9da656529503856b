"""Which figures are looked up for metrics, and how old they may be."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ragkeeper import __version__
from ragkeeper.core.clock import utc_now
from ragkeeper.entrypoints.status import written_paths
from ragkeeper.ingestion.holdings import Holdings
from ragkeeper.operations.health.repository import machine
from ragkeeper.operations.metrics.condition import ConditionFigures
from ragkeeper.operations.metrics.disks import DiskFigures
from ragkeeper.operations.metrics.looks import Looks
from ragkeeper.operations.metrics.machine import MachineFigures
from ragkeeper.operations.metrics.processes import ProcessFigures
from ragkeeper.operations.metrics.servers import JobsDatabaseFigures, RedisFigures
from ragkeeper.operations.metrics.service import IndexFigures
from ragkeeper.operations.metrics.stores import (
    CacheFigures,
    DatabaseFigures,
    DocumentFigures,
    IndexSizeFigures,
    QueueFigures,
)
from ragkeeper.storage.cache.port import Cache, Usage
from ragkeeper.storage.vectors.errors import INDEX_AWAY
from ragkeeper.storage.vectors.port import IndexCounts

if TYPE_CHECKING:
    from ragkeeper.entrypoints.build import Application

_MEGABYTE = 1_000_000


def add_looks(looks: Looks, application: "Application") -> None:
    """Where seconds are given, figures are good enough for so long."""
    metrics = application.metrics
    ConditionFigures(
        metrics,
        __version__,
        application.health.health,
        lambda: application.health.ready,
        application.upkeep.loops,
        application.board.usable,
    )
    _add_machine(looks, application)
    _add_documents(looks, application)
    _add_index(looks, application)
    database = application.database
    file = _file(application)
    stored = DatabaseFigures(metrics, file, database.unused_bytes, database.connections)
    looks.add("database", stored.look, 5)
    looks.add("connections", stored.look_at_connections, 1)
    redis = application.caches.redis
    caches = CacheFigures(
        metrics,
        _usage(application.caches.store),
        application.settings.cache_mb * _MEGABYTE,
        lambda: None if redis is None else redis.problem is None,
    )
    looks.add("caches", caches.look, 5)
    _add_servers(looks, application)


def _add_servers(looks: Looks, application: "Application") -> None:
    """Where they are set up."""
    metrics, engine, redis = application.metrics, application.engine, application.caches.redis
    if redis is not None:
        looks.add("redis", RedisFigures(metrics, redis.server).look, 5)
    if application.settings.jobs_database_url is not None:
        figures = JobsDatabaseFigures(metrics, lambda: engine.trouble is None, engine.record_use)
        looks.add("jobs database", figures.look, 1)
        looks.add("jobs database size", figures.look_at_use, 10)


def _add_machine(looks: Looks, application: "Application") -> None:
    host = MachineFigures(application.metrics, machine, step=application.observers.clock.step)
    looks.add("machine", host.look, 1)
    written = written_paths(application.folder, _file(application))
    disks = DiskFigures(application.metrics, written)
    for what in written:
        looks.add(f"disk of {what}", partial(disks.look_at, what), 1)
    processes = ProcessFigures(application.metrics)
    looks.add("processes", processes.look, 1)
    looks.add("own memory", processes.look_at_own_memory, 10)


def _add_documents(looks: Looks, application: "Application") -> None:
    holdings = Holdings(application.database)
    looks.add("documents", DocumentFigures(application.metrics, holdings.collections).look, 5)
    queue = QueueFigures(application.metrics, holdings.queue, lambda: _reading(application), utc_now)
    looks.add("queue", queue.look, 1)


def _reading(application: "Application") -> tuple[int, str]:
    activity = application.jobs.activity()
    return len(activity.postponed), "paused" if activity.paused else activity.full


def _add_index(looks: Looks, application: "Application") -> None:
    async def counts() -> IndexCounts | None:
        try:
            return await application.index.count()
        except INDEX_AWAY:
            return None

    metrics, upkeep = application.metrics, application.upkeep
    begun = Holdings(application.database).first_start
    figures = IndexFigures(metrics, upkeep.reconciler.backlog, upkeep.inspector.last, begun, utc_now)
    looks.add("index", figures.look, 1)
    looks.add("index size", IndexSizeFigures(metrics, counts, application.folder.index).look, 10)


def _usage(store: Cache) -> Callable[[], Awaitable[Mapping[str, Usage]]]:
    async def usage() -> Mapping[str, Usage]:
        return {kind.value: use for kind, use in (await store.usage()).items()}

    return usage


def _file(application: "Application") -> Path:
    return Path(application.database.url.database or "")
