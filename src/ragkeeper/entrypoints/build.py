"""Settings in, one wired application out; the order here is the order in which a server starts and stops."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from ragkeeper.answers.service import AnswerOptions, AnswerService
from ragkeeper.conversations.service import ConversationService
from ragkeeper.core.access import local_administrator
from ragkeeper.core.clock import utc_now
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.foreground import Foreground
from ragkeeper.core.job_log import FailedJobs
from ragkeeper.core.metrics import Metrics
from ragkeeper.core.settings import Settings
from ragkeeper.documents.deletions import DeletionService
from ragkeeper.documents.service import DocumentService
from ragkeeper.entrypoints import engines, probes
from ragkeeper.entrypoints.caches import Caches, open_caches
from ragkeeper.entrypoints.degradation import IndexHealer, Missing, Restraint
from ragkeeper.entrypoints.figures import add_looks
from ragkeeper.entrypoints.golden import assemble_golden
from ragkeeper.entrypoints.guards import Guards
from ragkeeper.entrypoints.history import History
from ragkeeper.entrypoints.index import Opened, open_search
from ragkeeper.entrypoints.index_probe import index_probe
from ragkeeper.entrypoints.patience import with_streams
from ragkeeper.entrypoints.preflight import refuse_damaged, tell_findings
from ragkeeper.entrypoints.sources import Sources, assemble
from ragkeeper.entrypoints.status import Observers
from ragkeeper.entrypoints.upkeep import Changes, Stores, Upkeep, assemble_upkeep
from ragkeeper.entrypoints.watch import Watch, assemble_watch
from ragkeeper.entrypoints.writers import writers
from ragkeeper.http.ports import Authenticator
from ragkeeper.identity.api_keys.service import ApiKeyAuthenticator
from ragkeeper.identity.audit.service import AuditService
from ragkeeper.ingestion.brake import DiskBrake
from ragkeeper.ingestion.jobs import IngestionJobs, ReadingLimits
from ragkeeper.ingestion.parsers.port import Parser
from ragkeeper.ingestion.pipeline import Pipeline
from ragkeeper.ingestion.progress.service import ProgressService
from ragkeeper.ingestion.service import IngestionService
from ragkeeper.ingestion.worker import Worker
from ragkeeper.jobs.port import JobEngine
from ragkeeper.operations.alerts.service import AlertService
from ragkeeper.operations.breakers.schemas import BreakerView
from ragkeeper.operations.breakers.service import BreakerService
from ragkeeper.operations.degradation.service import DegradationService
from ragkeeper.operations.health.service import HealthService
from ragkeeper.operations.metrics.looks import Looks
from ragkeeper.operations.tracing.service import TraceExporter
from ragkeeper.providers.chat.port import ChatModel
from ragkeeper.providers.embedding.switchable import SwitchableEmbedder
from ragkeeper.providers.resilience.board import Board
from ragkeeper.quality.golden.jobs import schedule_golden
from ragkeeper.quality.golden.service import GoldenQuestions
from ragkeeper.retrieval.outbox import OutboxDrain, OutboxWriter
from ragkeeper.retrieval.reconcile import Reconciler
from ragkeeper.retrieval.reindex.folder import IndexFolder
from ragkeeper.retrieval.service import RetrievalService, SearchOptions
from ragkeeper.retrieval.switching import SwitchableIndex
from ragkeeper.storage.files.data_folder import DataFolder
from ragkeeper.storage.files.store import FileStore
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.schema import current_revision, require_current

_log = structlog.get_logger()

# How long a start waits for an index that is filled anew.
_REBUILD_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the parts of one process have in common."""

    metrics: Metrics
    foreground: Foreground
    caches: Caches
    restraint: Restraint
    failed: FailedJobs


@dataclass(slots=True)
class Application:
    """Everything a process holds. `start` before the first request, `stop` after the last."""

    settings: Settings
    folder: DataFolder
    database: Database
    files: FileStore
    index: SwitchableIndex
    embedder: SwitchableEmbedder
    parser: Parser
    chat_models: list[ChatModel]
    authenticator: Authenticator
    documents: DocumentService
    deletions: DeletionService
    ingestion: IngestionService
    jobs: IngestionJobs
    progress: ProgressService
    pipeline: Pipeline
    retrieval: RetrievalService
    answers: AnswerService
    conversations: ConversationService
    health: HealthService
    engine: JobEngine
    sources: Sources
    upkeep: Upkeep
    index_was_lost: bool
    metrics: Metrics
    audit: AuditService
    breakers: BreakerService
    guards: Guards
    caches: Caches
    degradation: DegradationService
    watch: Watch
    golden: GoldenQuestions
    _background: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def reconciler(self) -> Reconciler:
        return self.upkeep.reconciler

    @property
    def board(self) -> Board:
        return self.guards.board

    @property
    def observers(self) -> Observers:
        return self.watch.observers

    @property
    def looks(self) -> Looks:
        return self.watch.looks

    @property
    def tracing(self) -> TraceExporter | None:
        return self.watch.tracing

    @property
    def history(self) -> History:
        return self.watch.history

    @property
    def alerts(self) -> AlertService:
        return self.watch.alerts

    async def start(self, *, for_one_command: bool = False) -> None:
        """Warm what a first question needs, start background work, and close gaps between the truth and the index.

        for_one_command: durable jobs and schedules begin only when the command asks for one.
        """
        healer = IndexHealer(self.retrieval, self.index, IndexFolder(self.folder.index), self.upkeep.reindex)
        await self.degradation.start(Missing(self.database, self.health, self.retrieval, healer))
        await self.documents.ensure_default_collection(local_administrator())
        await self.caches.start()
        await self.guards.start()
        await self.retrieval.warm()
        await self.jobs.start()
        closing = self._in_background("reconcile", self._close_gaps())
        if self.index_was_lost:
            # A small one is whole again before the first question; a large one says that it is not yet.
            await asyncio.wait([closing], timeout=_REBUILD_SECONDS)
        self._in_background("parsers", self.parser.start())
        self._in_background("originals", self._remove_unused_originals())
        await self.sources.jobs.start()
        await self.golden.restore()
        if not for_one_command:
            await schedule_golden(self.engine, self.golden, self.settings.golden_schedule)
            self._in_background("jobs", self.upkeep.start())
            self._in_background("checks", asyncio.to_thread(tell_findings, self.settings, self.folder))
        add_looks(self.looks, self)
        await self.watch.start(for_one_command=for_one_command)
        await self.health.start()

    async def stop(self) -> None:
        """Let go in the reverse order; what is under way stays where it is, in SQL, for the next start."""
        self.health.draining = True
        await self.degradation.stop()
        await self.watch.stop()
        await self.health.stop()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.sources.close()
        await self.upkeep.stop()
        await self.engine.stop()
        await self.jobs.stop()
        await self.documents.close()
        await self.parser.close()
        for model in self.chat_models:
            await model.close()
        await self.caches.service.close()
        await self.caches.store.close()
        await self.guards.close()
        await self.embedder.close()
        await self.index.close()
        await self.database.close()
        self.folder.unlock()

    async def providers(self) -> dict[str, Any]:
        """How each model provider is, from the calls that were made; none is made for this."""
        return {state.key.name: BreakerView.of(state).model_dump(mode="json") for state in await self.board.states()}

    def _in_background(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """What a start need not wait for; a failure is logged, and shows where its work is missed."""

        async def logged() -> None:
            try:
                await work
            except RagkeeperError as error:
                _log.error("start_incomplete", part=name, code=error.code, reason=error.message)

        task = asyncio.create_task(logged(), name=name)
        self._background.append(task)
        return task

    async def _remove_unused_originals(self) -> None:
        if n_removed := await self.deletions.remove_unused_originals():
            _log.info("unused_originals_removed", files=n_removed)

    async def _close_gaps(self) -> None:
        self.index.incomplete = self.index_was_lost
        gap = await self.reconciler.reconcile()
        self.index.incomplete = False
        if not gap.closed:
            _log.info("index_reconciled", missing=len(gap.missing), orphans=len(gap.orphans))


async def build(settings: Settings, metrics: Metrics | None = None) -> Application:
    """Open everything that the settings name. Raises RagkeeperError; nothing is held then."""
    folder = DataFolder(settings.data_dir)
    folder.create()
    folder.lock()
    try:
        await asyncio.to_thread(refuse_damaged, settings)
        return await _assemble(settings, folder, metrics or Metrics())
    except BaseException:
        folder.unlock()
        raise


async def _assemble(settings: Settings, folder: DataFolder, metrics: Metrics) -> Application:
    database = Database(settings.sql_url, metrics=metrics)
    await _prepare_schema(database)
    files = _files(settings, folder)
    foreground = Foreground()
    guards = Guards(settings, metrics, foreground)
    opened = await open_search(settings, IndexFolder(folder.index), database, guards)
    embedder, index = opened.embedder, opened.index
    audit = AuditService(database, utc_now)
    restraint = Restraint(DegradationService(database, metrics, utc_now, audit), settings.extractive_fallback)
    shared = _Shared(metrics, foreground, open_caches(settings, metrics), restraint, FailedJobs(metrics))
    chat_models = guards.chat(engines.metered(settings, metrics))

    writer = OutboxWriter(utc_now)
    documents = DocumentService(database, files, writer, utc_now)
    deletions = DeletionService(database, files, writer, documents, utc_now, shared.caches.service)
    parser = engines.parser(settings)
    stores = Stores(folder, database, files)
    changes = _changes(stores, opened, documents, parser, writer, shared)
    jobs = _reading(settings, stores, changes, shared)
    retrieval = _retrieval(settings, database, opened, documents, chat_models, shared)
    answers = _answers(settings, retrieval, embedder, chat_models, shared)
    ingestion = IngestionService(documents, files, jobs.wake)
    engine = engines.job_engine(settings, folder, metrics, shared.failed)
    sources = assemble(settings, database, documents, deletions, ingestion, engine, restraint.held)
    upkeep = assemble_upkeep(settings, stores, opened, changes, engine, guards, jobs)
    watch = assemble_watch(settings, folder, database, metrics, foreground, restraint.held, shared.failed)
    return Application(
        settings=settings,
        folder=folder,
        database=database,
        files=files,
        index=index,
        embedder=embedder,
        parser=parser,
        chat_models=chat_models,
        authenticator=ApiKeyAuthenticator(api_key(settings, folder)),
        documents=documents,
        deletions=deletions,
        ingestion=ingestion,
        jobs=jobs,
        progress=ProgressService(database, documents, deletions, jobs, embedder, sources.listing),
        pipeline=changes.pipeline,
        retrieval=retrieval,
        answers=answers,
        conversations=ConversationService(database, answers, retrieval, utc_now, restraint.refusal),
        engine=engine,
        sources=sources,
        upkeep=upkeep,
        health=_health(stores, opened, retrieval, chat_models, upkeep, shared, jobs, watch.observers),
        index_was_lost=opened.lost,
        metrics=metrics,
        audit=audit,
        breakers=BreakerService(guards.board, audit),
        guards=guards,
        caches=shared.caches,
        degradation=restraint.degradation,
        watch=watch,
        golden=assemble_golden(settings, retrieval, database, metrics, engine),
    )


def _changes(
    stores: Stores,
    opened: Opened,
    documents: DocumentService,
    parser: Parser,
    writer: OutboxWriter,
    shared: _Shared,
) -> Changes:
    database, embedder, metrics = stores.database, opened.embedder, shared.metrics
    drain = OutboxDrain(database, opened.index, documents, shared.foreground, metrics)
    chunker = engines.chunker(embedder)
    files, failed = stores.files, shared.failed
    return Changes(writer, drain, Pipeline(database, files, parser, chunker, embedder, writer, metrics, failed))


def _health(
    stores: Stores,
    opened: Opened,
    retrieval: RetrievalService,
    chat_models: Sequence[ChatModel],
    upkeep: Upkeep,
    shared: _Shared,
    jobs: IngestionJobs,
    observers: Observers,
) -> HealthService:
    embedder, index, redis = opened.embedder, opened.index, shared.caches.redis
    worker = probes.worker_probe(upkeep.loops, lambda: jobs.activity().paused)
    looks = probes.probes(stores.database, retrieval, index, embedder, chat_models, redis)
    is_there = index_probe(looks["vector_db"], index, embedder, IndexFolder(stores.folder.index))
    watched = {"worker": worker, "disk": observers.probe, "clock": observers.clock.probe}
    return HealthService({**looks, **watched, "vector_db": is_there}, utc_now, limits=shared.restraint.limits)


def _files(settings: Settings, folder: DataFolder) -> FileStore:
    files = FileStore(folder.files, settings.max_upload_mb, settings.min_free_mb)
    files.prepare()
    return files


def _reading(settings: Settings, stores: Stores, changes: Changes, shared: _Shared) -> IngestionJobs:
    return IngestionJobs(
        changes.pipeline,
        changes.drain,
        changes.writer,
        # The lock of the data folder keeps every other process out.
        Worker(stores.database, alone=True),
        DiskBrake(stores.files.space, held=shared.restraint.held),
        ReadingLimits(settings.parser_workers, settings.retry_seconds, settings.embedding_batch),
        shared.foreground,
    )


def _retrieval(
    settings: Settings,
    database: Database,
    opened: Opened,
    documents: DocumentService,
    chat_models: Sequence[ChatModel],
    shared: _Shared,
) -> RetrievalService:
    return RetrievalService(
        database,
        opened.index,
        opened.embedder,
        documents,
        _search_options(settings),
        transforms=engines.transforms(settings, chat_models, shared.restraint.may_rewrite),
        reranker=engines.reranker(settings, chat_models),
        metrics=shared.metrics,
        cache=shared.caches.of_searches(),
        foreground=shared.foreground,
        restrained=shared.restraint.restrained,
    )


def _answers(
    settings: Settings,
    retrieval: RetrievalService,
    embedder: SwitchableEmbedder,
    chat_models: Sequence[ChatModel],
    shared: _Shared,
) -> AnswerService:
    return AnswerService(
        retrieval,
        engines.extractor(settings, embedder),
        writers(settings, chat_models, embedder),
        AnswerOptions(settings.retrieval_top_k, with_streams(settings), settings.extractive_fallback),
        engines.compressor(settings, chat_models),
        shared.metrics,
        shared.caches.of_answers(retrieval, embedder),
        shared.restraint.best,
    )


def api_key(settings: Settings, folder: DataFolder) -> str:
    return settings.api_key.get_secret_value() if settings.api_key else folder.api_key()


async def _prepare_schema(database: Database) -> None:
    """An empty database gets its schema; an old one is left for `ragkeeper db upgrade`, a deliberate act."""
    if await current_revision(database) is None:
        from ragkeeper.storage.sql.migrate import upgrade_schema  # noqa: PLC0415 - a usual start needs no Alembic

        await upgrade_schema(database)
    await require_current(database)


def _search_options(settings: Settings) -> SearchOptions:
    return SearchOptions(
        top_k=settings.retrieval_top_k,
        candidates=settings.retrieval_candidates,
        fusion=settings.fusion_method,
        dense_weight=settings.fusion_dense_weight,
        longest_query=settings.max_question_characters,
    )
