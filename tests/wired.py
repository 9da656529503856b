"""The product's services over a real SQLite file and fake engines, in one process, without HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ragkeeper.core.access import Caller, Role, local_administrator
from ragkeeper.core.clock import utc_now
from ragkeeper.core.settings import FusionMethod
from ragkeeper.documents.deletions import DeletionService
from ragkeeper.documents.models import Priority
from ragkeeper.documents.service import DocumentService
from ragkeeper.ingestion.brake import DiskBrake
from ragkeeper.ingestion.chunkers.structure import StructureChunker
from ragkeeper.ingestion.jobs import IngestionJobs, ReadingLimits
from ragkeeper.ingestion.models import Accepted, PendingVersion
from ragkeeper.ingestion.parsers.fake import FakeParser
from ragkeeper.ingestion.parsers.port import Parser
from ragkeeper.ingestion.pipeline import Pipeline
from ragkeeper.ingestion.progress.errors import JobUnknown
from ragkeeper.ingestion.progress.models import Job
from ragkeeper.ingestion.service import IngestionService, Upload
from ragkeeper.ingestion.worker import Worker
from ragkeeper.providers.embedding.fake import FakeEmbedder
from ragkeeper.retrieval.models import SearchMode, SearchRequest, SearchResult
from ragkeeper.retrieval.outbox import OutboxDrain, OutboxWriter
from ragkeeper.retrieval.reconcile import Reconciler
from ragkeeper.retrieval.service import RetrievalService, SearchOptions
from ragkeeper.retrieval.switching import Generation, SwitchableIndex
from ragkeeper.storage.files.store import FileStore
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.vectors.fake import FakeIndex
from ragkeeper.storage.vectors.port import VectorIndex
from tests.schema import migrated

ADMIN = local_administrator()
OPTIONS = SearchOptions(top_k=10, candidates=50, fusion=FusionMethod.WEIGHTED, dense_weight=0.7, longest_query=1000)


def user(name: str) -> Caller:
    return Caller(id=name, role=Role.USER, principals=frozenset({name}))


async def once(content: bytes) -> AsyncIterator[bytes]:
    yield content


class NoSyncs:
    """Implements `ingestion.progress.ports.Syncs` where there are no sources."""

    async def jobs(self, caller: Caller) -> list[Job]:
        return []

    async def cancel(self, caller: Caller, job_id: str) -> None:
        raise JobUnknown(id=job_id)

    async def repeat(self, caller: Caller, job_id: str) -> str:
        raise JobUnknown(id=job_id)


@dataclass(slots=True)
class Wired:
    """`settle()` does all background work that is due; nothing runs by itself."""

    database: Database
    files: FileStore
    index: VectorIndex
    generations: SwitchableIndex
    embedder: FakeEmbedder
    documents: DocumentService
    deletions: DeletionService
    pipeline: Pipeline
    outbox: OutboxWriter
    drain: OutboxDrain
    reconciler: Reconciler
    ingestion: IngestionService
    retrieval: RetrievalService

    async def add(self, name: str, text: str, collection: str = "default", caller: Caller = ADMIN) -> Accepted:
        return await self.ingestion.accept(caller, Upload(name=name, collection=collection), once(text.encode()))

    async def claim(self, limit: int) -> list[PendingVersion]:
        return await self.pipeline.claim("a worker that is gone", Priority.BULK, limit)

    async def recover(self) -> None:
        """What a start does."""
        await Worker(self.database, alone=True).start()
        await self.pipeline.recover()

    async def parse(self) -> None:
        while claimed := await self.claim(32):
            await self.pipeline.save([(version, await self.pipeline.parse(version)) for version in claimed])

    async def embed(self) -> None:
        while pending := await self.pipeline.unembedded(0, 100):
            await self.pipeline.embed(pending)

    async def settle(self) -> None:
        await self.parse()
        await self.embed()
        await self.drain.drain_all()

    async def search(self, query: str, caller: Caller = ADMIN, mode: SearchMode = SearchMode.HYBRID) -> SearchResult:
        return await self.retrieval.search(caller, SearchRequest(query, mode=mode))

    async def found(self, query: str, caller: Caller = ADMIN, mode: SearchMode = SearchMode.HYBRID) -> list[str]:
        return [hit.name for hit in (await self.search(query, caller, mode)).hits]


@asynccontextmanager
async def wired(
    folder: Path,
    *,
    index: VectorIndex | None = None,
    parser: Parser | None = None,
    embedder: FakeEmbedder | None = None,
) -> AsyncIterator[Wired]:
    embedder = embedder or FakeEmbedder()
    used_index = index or FakeIndex(embedder.dimension)
    database = await migrated(folder / "ragkeeper.db")
    files = FileStore(folder / "files", limit_mb=1, reserve_mb=0)
    (folder / "files").mkdir(exist_ok=True)
    files.prepare()
    outbox = OutboxWriter(utc_now)
    documents = DocumentService(database, files, outbox, utc_now)
    generations = SwitchableIndex(Generation("only", embedder.name, used_index))
    drain = OutboxDrain(database, generations, documents)
    pipeline = Pipeline(database, files, parser or FakeParser(), StructureChunker(embedder), embedder, outbox)
    await documents.ensure_default_collection(ADMIN)
    try:
        yield Wired(
            database=database,
            files=files,
            index=used_index,
            generations=generations,
            embedder=embedder,
            documents=documents,
            deletions=DeletionService(database, files, outbox, documents, utc_now),
            pipeline=pipeline,
            outbox=outbox,
            drain=drain,
            reconciler=Reconciler(database, generations, outbox, drain),
            ingestion=IngestionService(documents, files, lambda _priority: None),
            retrieval=RetrievalService(database, generations, embedder, documents, OPTIONS),
        )
    finally:
        await database.close()


def jobs(
    product: Wired, worker: Worker | None = None, brake: DiskBrake | None = None, retry_seconds: float = 0.05
) -> IngestionJobs:
    return IngestionJobs(
        product.pipeline,
        product.drain,
        product.outbox,
        worker or Worker(product.database, alone=True),
        brake or DiskBrake(product.files.space),
        ReadingLimits(parsers=2, retry_seconds=retry_seconds),
    )
