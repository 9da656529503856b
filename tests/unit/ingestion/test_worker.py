"""How processes that read files know of one another."""

from pathlib import Path

from ragkeeper.documents.models import Priority, VersionStatus
from ragkeeper.ingestion.progress.models import JobState
from ragkeeper.ingestion.progress.service import ProgressService
from ragkeeper.ingestion.worker import LOST_SECONDS, SILENT_SECONDS, Worker
from tests.wired import ADMIN, NoSyncs, Wired, jobs, wired


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def worker(product: Wired, clock: Clock | None = None) -> Worker:
    return Worker(product.database, alone=False, monotonic=clock or Clock())


async def claimed(product: Wired, by: Worker) -> str:
    added = await product.add("a.md", "Words to find.")
    [version] = await product.pipeline.claim(by.id, Priority.BULK, 10)
    assert version.id == added.version
    return added.id


async def status(product: Wired, document_id: str) -> VersionStatus:
    return (await product.documents.get(ADMIN, document_id)).version.status


async def test_a_living_worker_keeps_what_it_reads(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        clock = Clock()
        one, other = worker(product), worker(product, clock)
        await one.start()
        document = await claimed(product, one)
        assert await other.start() == 0
        for _ in range(20):
            clock.now += 5
            await one.beat()
            assert await other.beat() == 0
            assert other.silent() == frozenset()
        assert await status(product, document) is VersionStatus.PARSING


async def test_a_silent_worker_is_stalled_then_taken_over_within_thirty_seconds(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        clock = Clock()
        gone, other = worker(product), worker(product, clock)
        await gone.start()
        document = await claimed(product, gone)
        await other.start()
        background = jobs(product, other)
        progress = ProgressService(
            product.database, product.documents, product.deletions, background, product.embedder, NoSyncs()
        )
        version = (await product.documents.get(ADMIN, document)).version.id
        await other.beat()
        assert (await progress.job(ADMIN, version)).state is JobState.RUNNING
        clock.now += SILENT_SECONDS
        assert await other.beat() == 0
        assert (await progress.job(ADMIN, version)).state is JobState.STALLED
        clock.now += LOST_SECONDS - SILENT_SECONDS
        assert clock.now <= 130
        assert await other.beat() == 1
        assert (await progress.job(ADMIN, version)).state is JobState.QUEUED
        await product.settle()
        assert await status(product, document) is VersionStatus.READY


async def test_a_worker_that_was_only_frozen_changes_nothing_when_it_goes_on(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        clock = Clock()
        frozen, other = worker(product), worker(product, clock)
        await frozen.start()
        await product.add("a.md", "Words to find.")
        [version] = await product.pipeline.claim(frozen.id, Priority.BULK, 10)
        late = await product.pipeline.parse(version)
        await other.start()
        await other.beat()
        clock.now += LOST_SECONDS
        await other.beat()
        await product.settle()
        await product.pipeline.save([(version, late)])
        await product.settle()
        assert await product.found("words") == ["a.md"]
        assert len(await product.documents.chunks(ADMIN, version.document_id, after=-1, limit=10)) == 1
        assert await frozen.beat() == 0
        clock.now += 5
        await other.beat()
        assert other.silent() == frozenset()


async def test_alone_a_start_takes_over_everything_at_once(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        gone = worker(product)
        await gone.start()
        document = await claimed(product, gone)
        assert await Worker(product.database, alone=True).start() == 1
        assert await status(product, document) is VersionStatus.ACCEPTED


async def test_a_worker_that_stops_in_order_leaves_nothing_behind(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        clock = Clock()
        one, other = worker(product), worker(product, clock)
        await one.start()
        await other.start()
        await other.beat()
        await one.stop()
        clock.now += LOST_SECONDS
        await other.beat()
        assert other.silent() == frozenset()
