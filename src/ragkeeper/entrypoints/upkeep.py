"""How the care of the search index is put together: inspections, a new index, a change of the embedding model."""

import asyncio
from dataclasses import dataclass

from ragkeeper.core.clock import utc_now
from ragkeeper.core.settings import Settings
from ragkeeper.entrypoints.guards import Guards
from ragkeeper.entrypoints.index import IndexOpener, Opened
from ragkeeper.entrypoints.index_builder import ChildBuilder
from ragkeeper.ingestion.jobs import IngestionJobs
from ragkeeper.ingestion.pipeline import Pipeline
from ragkeeper.jobs.errors import JobsUnavailable
from ragkeeper.jobs.loop import Loop
from ragkeeper.jobs.port import JobEngine
from ragkeeper.retrieval.inspection.jobs import register_inspections, schedule_inspections
from ragkeeper.retrieval.inspection.service import IndexInspector
from ragkeeper.retrieval.outbox import OutboxDrain, OutboxWriter
from ragkeeper.retrieval.reconcile import Reconciler
from ragkeeper.retrieval.reindex.change import ModelChange
from ragkeeper.retrieval.reindex.folder import IndexFolder
from ragkeeper.retrieval.reindex.jobs import register_reindex, second_vectors
from ragkeeper.retrieval.reindex.keeper import GenerationKeeper
from ragkeeper.retrieval.reindex.service import ReindexService
from ragkeeper.storage.files.data_folder import DataFolder
from ragkeeper.storage.files.store import FileStore
from ragkeeper.storage.sql.database import Database

# Seconds between two attempts to reach the record of durable jobs at a start.
_RETRY = 5.0


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the truth lies."""

    folder: DataFolder
    database: Database
    files: FileStore


@dataclass(frozen=True, slots=True)
class Changes:
    """How changes reach the index."""

    writer: OutboxWriter
    drain: OutboxDrain
    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Upkeep:
    reading: IngestionJobs
    reconciler: Reconciler
    inspector: IndexInspector
    reindex: ReindexService
    loop: Loop
    engine: JobEngine

    async def start(self) -> None:
        """Start the engine, however long the record of its jobs is away, and then what goes on with it."""
        while not await self._has_started():  # noqa: ASYNC110 - what is awaited is another machine
            await asyncio.sleep(_RETRY)
        await schedule_inspections(self.engine)
        self.loop.start()

    async def stop(self) -> None:
        await self.loop.stop()

    def loops(self) -> dict[str, str | None]:
        """What the background work of this process last failed with, None where it went well."""
        trouble = self.engine.trouble
        return {**self.reading.state(), "jobs": trouble.message if trouble else None}

    async def _has_started(self) -> bool:
        try:
            await self.engine.start()
            await self.reindex.start()
        except JobsUnavailable:
            return False  # the engine has said why, and says it to whoever asks
        return True


def assemble_upkeep(
    settings: Settings,
    stores: Stores,
    opened: Opened,
    changes: Changes,
    engine: JobEngine,
    guards: Guards,
    reading: IngestionJobs,
) -> Upkeep:
    folder = IndexFolder(stores.folder.index)
    opener = IndexOpener(folder, settings.lexical_language)
    reconciler = Reconciler(stores.database, opened.index, changes.writer, changes.drain)
    keeper = GenerationKeeper(
        stores.database,
        opened.index,
        opened.embedder,
        folder,
        opener=opener,
        open_embedder=guards.open_embedder,
        reconciler=reconciler,
        drain=changes.drain,
        writer=changes.writer,
        setting=settings.embedding_model,
        reopened=changes.pipeline.recover,
    )
    inspector = IndexInspector(
        stores.database,
        opened.index,
        opened.embedder,
        stores.files,
        changes.drain,
        changes.writer,
        reconciler,
        utc_now,
    )
    reindex = ReindexService(
        database=stores.database,
        index=opened.index,
        embedder=opened.embedder,
        folder=folder,
        keeper=keeper,
        change=ModelChange(stores.database, changes.writer, settings.fusion_dense_weight),
        builder=ChildBuilder(stores.database, folder, settings.lexical_language),
        opener=opener,
        engine=engine,
        clock=utc_now,
        reserve_mb=settings.min_free_mb,
    )
    register_inspections(engine, inspector)
    register_reindex(engine, reindex)
    return Upkeep(reading, reconciler, inspector, reindex, second_vectors(reindex), engine)
