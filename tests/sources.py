"""Sources over a real SQLite file, with a connector and a job engine in memory."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ragkeeper.core.access import Caller
from ragkeeper.core.clock import utc_now
from ragkeeper.ingestion.sources.connectors.fake import FakeConnector
from ragkeeper.ingestion.sources.connectors.port import Connector
from ragkeeper.ingestion.sources.jobs import SourceJobs
from ragkeeper.ingestion.sources.models import NewSource, Run, Source, SourceKind
from ragkeeper.ingestion.sources.service import SourceService
from ragkeeper.ingestion.sources.sync import Synchronizer
from ragkeeper.jobs.fake import FakeJobEngine, FakeStore
from ragkeeper.jobs.port import DurableJob, JobEngine
from tests.waiting import ended
from tests.wired import ADMIN, Wired, wired


@dataclass(slots=True)
class Keeper:
    """A product with one source, `docs`, that reads `place`."""

    product: Wired
    place: FakeConnector
    owners: dict[str, Caller]
    store: FakeStore = field(default_factory=FakeStore)
    make_engine: Callable[[FakeStore], JobEngine] = FakeJobEngine
    forgotten: list[str] = field(default_factory=list)
    engine: JobEngine = field(init=False)
    service: SourceService = field(init=False)
    jobs: SourceJobs = field(init=False)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """As a process begins: with what is on disk, and nothing else."""
        self.engine = self.make_engine(self.store)
        product = self.product
        synchronizer = Synchronizer(
            product.database, product.ingestion, product.deletions, self._connect, self._owner, utc_now
        )
        self.service = SourceService(
            product.database, product.documents, synchronizer, self.engine, self._connect, self._forget, utc_now
        )
        self.jobs = SourceJobs(self.engine, self.service, Path("/srv/ragkeeper"))

    async def stop(self) -> None:
        await self.jobs.stop()
        await self.engine.stop()

    async def add(self, name: str = "docs", **options: object) -> None:
        await self.service.add(ADMIN, NewSource(name, SourceKind.FOLDER, f"/srv/{name}", "default", options))

    async def ended(self, job_id: str) -> DurableJob:
        return await ended(self.engine, job_id)

    async def sync(self, name: str = "docs", *, allow_removals: bool = False) -> Run:
        await self.ended(await self.service.sync(ADMIN, name, allow_removals=allow_removals))
        run = (await self.service.get(ADMIN, name)).source.last_run
        assert run is not None
        return run

    async def texts(self) -> dict[str, str]:
        """The text of each document's current version, by its name."""
        await self.product.settle()
        documents = await self.product.documents.find_all(ADMIN, collection=None, after=None, limit=500, status=None)
        return {one.name: (await self.product.documents.text(ADMIN, one.id))[1] for one in documents}

    def _connect(self, source: Source) -> Connector:
        return self.place

    async def _forget(self, source: Source) -> None:
        self.forgotten.append(source.name)

    async def _owner(self, name: str) -> Caller | None:
        return self.owners.get(name)


@asynccontextmanager
async def keeping(folder: Path, make_engine: Callable[[FakeStore], JobEngine] = FakeJobEngine) -> AsyncIterator[Keeper]:
    async with wired(folder) as product:
        keeper = Keeper(product, FakeConnector(), {ADMIN.id: ADMIN}, make_engine=make_engine)
        try:
            yield keeper
        finally:
            await keeper.stop()
