"""Synchronisations among the jobs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ragkeeper.core.access import Caller
from ragkeeper.documents.models import Problem
from ragkeeper.ingestion.jobs import IngestionJobs
from ragkeeper.ingestion.progress.errors import JobUnknown, NothingToCancel, NotRetryable
from ragkeeper.ingestion.progress.models import Job, JobKind, JobState, Wanted
from ragkeeper.ingestion.progress.service import ProgressService
from ragkeeper.ingestion.sources.listing import SyncListing, sync_job
from ragkeeper.ingestion.sources.models import ItemCounts, Run, RunState, Source, SourceKind, SourceState
from ragkeeper.jobs.errors import JobsDatabaseAway
from ragkeeper.jobs.fake import FakeJobEngine
from tests.sources import Keeper, keeping
from tests.waiting import until
from tests.wired import ADMIN, user
from tests.wired import jobs as background

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@asynccontextmanager
async def listing(folder: Path) -> AsyncIterator[tuple[Keeper, ProgressService]]:
    async with keeping(folder) as keeper:
        product = keeper.product
        reading: IngestionJobs = background(product)
        services = (product.database, product.documents, product.deletions)
        yield keeper, ProgressService(*services, reading, product.embedder, SyncListing(keeper.service))


async def listed(progress: ProgressService, wanted: Wanted | None = None, caller: Caller = ADMIN) -> list[Job]:
    return await progress.jobs(caller, wanted or Wanted(), after=None, limit=100)


async def test_a_sync_is_listed_among_the_documents_it_brings(tmp_path: Path) -> None:
    async with listing(tmp_path) as (keeper, progress):
        keeper.place.contents = {"a.md": "One.", "b.md": "Two."}
        await keeper.add()
        await keeper.sync()
        found = await listed(progress)
        assert [job.kind for job in found].count(JobKind.SYNC) == 1
        assert [job.id for job in found] == sorted((job.id for job in found), reverse=True)
        [sync] = await listed(progress, Wanted(kind=JobKind.SYNC))
        assert (sync.name, sync.state, sync.percent) == ("docs", JobState.DONE, 100)
        assert sync.message == "2 items read, 2 added"
        assert await progress.job(ADMIN, sync.id) == sync
        assert (await progress.history(ADMIN, sync.id)).interrupted == 0
        assert len(await listed(progress, Wanted(kind=JobKind.DOCUMENT))) == 2
        assert await listed(progress, Wanted(JobState.FAILED)) == []
        assert await progress.jobs(ADMIN, Wanted(kind=JobKind.SYNC), after=sync.id, limit=9) == []


async def test_who_may_not_see_sources_sees_no_syncs(tmp_path: Path) -> None:
    async with listing(tmp_path) as (keeper, progress):
        await keeper.add()
        run = await keeper.sync()
        assert await listed(progress, caller=user("somebody")) == []
        with pytest.raises(JobUnknown):
            await progress.job(user("somebody"), run.job_id)


async def test_a_failed_sync_says_why_and_is_tried_again_by_a_new_job(tmp_path: Path) -> None:
    async with listing(tmp_path) as (keeper, progress):
        keeper.place.contents = {"a.md": "One."}
        await keeper.add()
        await keeper.sync()
        keeper.place.contents = {}
        await keeper.sync()
        [sync] = await listed(progress, Wanted(JobState.FAILED))
        assert sync.problem is not None
        assert sync.problem.code == "source_shrank"
        assert "no longer there" in sync.reason
        with pytest.raises(NothingToCancel):
            await progress.cancel(ADMIN, sync.id)
        keeper.place.contents = {"a.md": "One."}
        again = await progress.retry(ADMIN, sync.id)
        assert again.id != sync.id
        await keeper.ended(again.id)
        with pytest.raises(NotRetryable):
            await progress.retry(ADMIN, again.id)


async def test_a_sync_under_way_is_cancelled_like_any_job(tmp_path: Path) -> None:
    async with listing(tmp_path) as (keeper, progress):
        keeper.place.contents = {"a.md": "One."}
        keeper.place.gate.clear()
        await keeper.add()
        job_id = await keeper.service.sync(ADMIN, "docs")

        async def runs() -> bool:
            return (await progress.job(ADMIN, job_id)).state is JobState.RUNNING

        await until(runs)
        assert (await progress.cancel(ADMIN, job_id)).state is JobState.CANCELLED


async def test_a_sync_whose_record_is_away_waits_and_says_for_what(tmp_path: Path) -> None:
    async with listing(tmp_path) as (keeper, progress):
        keeper.place.contents = {"a.md": "One."}
        keeper.place.gate.clear()
        await keeper.add()
        job_id = await keeper.service.sync(ADMIN, "docs")
        assert isinstance(keeper.engine, FakeJobEngine)
        keeper.engine.trouble = JobsDatabaseAway(reason="connection refused")
        waiting = await progress.job(ADMIN, job_id)
        assert waiting.state is JobState.WAITING
        assert "connection refused" in waiting.reason
        assert [state.run_state for state in await keeper.service.sources(ADMIN)] == [RunState.WAITING]
        keeper.engine.trouble = None
        assert (await progress.job(ADMIN, job_id)).state is not JobState.WAITING


@pytest.mark.parametrize(
    ("run", "state", "percent"),
    [
        (Run("j", NOW, items=50, expected=200), RunState.RUNNING, 25),
        (Run("j", NOW, items=300, expected=200), RunState.RUNNING, 99),
        (Run("j", NOW, items=300), RunState.RUNNING, 0),
        (Run("j", NOW, items=300), RunState.DONE, 100),
        (Run("j", NOW, items=0, expected=200), RunState.QUEUED, 0),
    ],
)
def test_how_far_it_is_goes_by_the_run_before(run: Run, state: RunState, percent: int) -> None:
    job = sync_job(SourceState(source(run), ItemCounts(0, 0), state, None))
    assert job is not None
    assert job.percent == percent
    assert bool(job.reason) is (state is RunState.QUEUED)


def test_a_source_that_was_never_read_has_no_job() -> None:
    assert sync_job(SourceState(source(None), ItemCounts(0, 0), None, None)) is None


def test_the_message_names_what_was_done_and_nothing_else() -> None:
    run = Run("j", NOW, items=1200, added=3, removed=1, failed=2, problem=Problem("x", "It broke.", "Mend it."))
    job = sync_job(SourceState(source(run), ItemCounts(0, 0), RunState.FAILED, None))
    assert job is not None
    assert job.message == "1,200 items read, 3 added, 1 removed, 2 failed"
    assert job.reason == "It broke."


def source(run: Run | None) -> Source:
    return Source("s", "docs", SourceKind.FOLDER, "/srv", {}, "c", "default", None, False, "local", NOW, last_run=run)
