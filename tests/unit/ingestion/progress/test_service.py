import asyncio
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import pytest

from ragkeeper.core.access import Forbidden, Right
from ragkeeper.documents import repository
from ragkeeper.documents.errors import NotDiscardable
from ragkeeper.documents.models import VersionStatus
from ragkeeper.ingestion.errors import ParserUnavailable
from ragkeeper.ingestion.parsers.fake import FakeParser
from ragkeeper.ingestion.parsers.port import ParsedDocument
from ragkeeper.ingestion.progress.errors import JobUnknown, NothingToCancel, NotRetryable
from ragkeeper.ingestion.progress.models import Job, JobState, Wanted
from ragkeeper.ingestion.progress.service import ProgressService
from tests.waiting import until
from tests.wired import ADMIN, NoSyncs, Wired, jobs, user, wired


class GatedParser(FakeParser):
    """Reads a file named `slow…` only once `gate` is set; notes whose reading was cancelled."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.failing = 0
        self.begun: list[str] = []
        self.cancelled: list[str] = []

    async def parse(self, path: Path, filename: str) -> ParsedDocument:
        self.begun.append(filename)
        if self.failing:
            self.failing -= 1
            raise ParserUnavailable(reason="too many processes")
        try:
            if filename.startswith("slow"):
                await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.append(filename)
            raise
        return await super().parse(path, filename)


@asynccontextmanager
async def running(folder: Path):
    parser = GatedParser()
    async with wired(folder, parser=parser) as product:
        background = jobs(product)
        await background.start()
        try:
            progress = ProgressService(
                product.database, product.documents, product.deletions, background, product.embedder, NoSyncs()
            )
            yield product, progress, parser, background
        finally:
            await background.stop()


async def reached(progress: ProgressService, job_id: str, state: JobState):
    seen: list[Job] = []

    async def is_there() -> bool:
        seen.append(await progress.job(ADMIN, job_id))
        return seen[-1].state is state

    await until(is_there)
    return seen[-1]  # asked again, it may be further


async def add(product: Wired, background, name: str, text: str = "Words.") -> str:
    accepted = await product.add(name, text)
    background.wake()
    return accepted.version


async def test_a_job_runs_to_its_end_and_its_history_tells_the_attempt(tmp_path: Path) -> None:
    async with running(tmp_path) as (product, progress, _, background):
        job_id = await add(product, background, "a.md")
        async with asyncio.timeout(10), aclosing(progress.follow(ADMIN, job_id)) as seen:
            jobs_seen = [job async for job in seen]
        assert jobs_seen[-1].state is JobState.DONE
        milestones = [job.percent for job in jobs_seen if job.percent in {0, 30, 70, 100}]
        assert list(dict.fromkeys(milestones)) == [0, 30, 70, 100]
        history = await progress.history(ADMIN, job_id)
        assert [attempt.code for attempt in history.attempts] == [None]
        assert (history.job.percent, history.interrupted) == (100, 0)


async def test_reading_is_cancelled_and_can_be_taken_up_again(tmp_path: Path) -> None:
    async with running(tmp_path) as (product, progress, parser, background):
        job_id = await add(product, background, "slow.md", "Slow words.")
        await reached(progress, job_id, JobState.RUNNING)
        assert (await progress.cancel(ADMIN, job_id)).state is JobState.CANCELLED
        assert parser.cancelled == ["slow.md"]
        with pytest.raises(NothingToCancel):
            await progress.cancel(ADMIN, job_id)
        parser.gate.set()
        assert (await progress.retry(ADMIN, job_id)).state is not JobState.CANCELLED
        await reached(progress, job_id, JobState.DONE)
        assert await product.found("slow") == ["slow.md"]
        with pytest.raises(NotRetryable):
            await progress.retry(ADMIN, job_id)


async def test_what_is_found_by_words_already_stays_so_when_cancelled(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        background = jobs(product)
        progress = ProgressService(
            product.database, product.documents, product.deletions, background, product.embedder, NoSyncs()
        )
        added = await product.add("a.md", "Words to find.")
        await product.parse()
        await product.drain.drain_all()
        await progress.cancel(ADMIN, added.version)
        await product.settle()
        assert (await product.index.count()).with_vectors == 0
        assert await product.found("words") == ["a.md"]
        await progress.retry(ADMIN, added.version)
        await product.settle()
        assert (await progress.job(ADMIN, added.version)).state is JobState.DONE


async def test_a_failure_that_may_pass_is_waited_for(tmp_path: Path) -> None:
    async with running(tmp_path) as (product, progress, parser, background):
        parser.failing = 1
        job_id = await add(product, background, "a.md")
        waiting = await reached(progress, job_id, JobState.WAITING)
        assert waiting.until is not None
        assert "too many processes" in waiting.reason
        await reached(progress, job_id, JobState.DONE)
        history = await progress.history(ADMIN, job_id)
        assert [attempt.code for attempt in history.attempts] == ["parser_unavailable", None]


async def test_paused_means_queued_and_says_so_also_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as (product, progress, parser, background):
        assert await progress.set_paused(ADMIN, paused=True)
        job_id = await add(product, background, "a.md")
        await asyncio.sleep(0.3)
    async with running(tmp_path) as (product, progress, parser, background):
        job = await progress.job(ADMIN, job_id)
        assert (job.state, job.position, "paused" in job.reason) == (JobState.QUEUED, 1, True)
        assert parser.begun == []
        assert not await progress.set_paused(ADMIN, paused=False)
        await reached(progress, job_id, JobState.DONE)


async def test_jobs_are_listed_by_state_and_retried_by_code(tmp_path: Path) -> None:
    async with running(tmp_path) as (product, progress, _, background):
        good = await add(product, background, "good.md")
        empty = await add(product, background, "empty.md", " ")
        await reached(progress, good, JobState.DONE)
        failed = await reached(progress, empty, JobState.FAILED)
        assert failed.problem is not None

        async def listed(state: JobState | None) -> list[str]:
            found = await progress.jobs(ADMIN, Wanted(state), after=None, limit=10)
            return [job.id for job in found]

        assert await listed(None) == [empty, good]
        assert (await listed(JobState.FAILED), await listed(JobState.DONE)) == ([empty], [good])
        assert await listed(JobState.QUEUED) == []
        assert await progress.retry_failed(ADMIN, "no_such_code") == 0
        assert await progress.retry_failed(ADMIN, failed.problem.code) == 1
        await reached(progress, empty, JobState.FAILED)
        assert len((await progress.history(ADMIN, empty)).attempts) == 2


async def test_access_lists_hold_for_jobs(tmp_path: Path) -> None:
    async with running(tmp_path) as (product, progress, _, background):
        job_id = await add(product, background, "a.md", " ")
        await reached(progress, job_id, JobState.FAILED)
        reader = user("reader")
        with pytest.raises(JobUnknown):
            await progress.job(reader, job_id)
        [default] = await product.documents.collections(ADMIN)
        async with product.database.write() as sql:
            await repository.grant(sql, default.id, "reader", Right.READ)
        assert (await progress.job(reader, job_id)).id == job_id
        for act in (progress.cancel, progress.retry):
            with pytest.raises(Forbidden):
                await act(reader, job_id)
        assert await progress.retry_failed(reader, None) == 0
        with pytest.raises(Forbidden):
            await progress.set_paused(reader, paused=True)
        document = (await product.documents.find_all(ADMIN, collection=None, after=None, limit=1, status=None))[0]
        assert document.version.status is VersionStatus.FAILED


async def test_a_result_that_comes_after_its_job_was_cancelled_and_begun_again_is_dropped(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        progress = ProgressService(
            product.database, product.documents, product.deletions, jobs(product), product.embedder, NoSyncs()
        )
        added = await product.add("a.md", "Words to find.")
        [first] = await product.claim(10)
        early = await product.pipeline.parse(first)
        await progress.cancel(ADMIN, added.version)
        await progress.retry(ADMIN, added.version)
        await product.pipeline.save([(first, early)])
        assert await product.found("words") == []
        [second] = await product.claim(10)
        await product.pipeline.save([(first, early)])
        await product.pipeline.save([(second, await product.pipeline.parse(second))])
        await product.settle()
        assert await product.found("words") == ["a.md"]
        assert (await progress.job(ADMIN, added.version)).state is JobState.DONE


async def test_a_job_cancelled_while_its_last_vectors_are_made_ends_after_a_retry(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        progress = ProgressService(
            product.database, product.documents, product.deletions, jobs(product), product.embedder, NoSyncs()
        )
        added = await product.add("a.md", "Words to find.")
        await product.parse()
        await product.drain.drain_all()
        pending = await product.pipeline.unembedded(0, 10)
        await progress.cancel(ADMIN, added.version)
        await product.pipeline.embed(pending)
        await product.drain.drain_all()
        await progress.retry(ADMIN, added.version)
        await product.settle()
        assert (await progress.job(ADMIN, added.version)).state is JobState.DONE


async def test_cancelling_during_a_claim_strands_nobody(tmp_path: Path) -> None:
    async with running(tmp_path) as (product, progress, _, background):
        added = [await product.add(f"{n}.md", f"Words number {n}.") for n in range(60)]
        background.wake()
        cancelled = added[40:]
        for one in cancelled:
            with suppress(NothingToCancel):
                await progress.cancel(ADMIN, one.version)
        async with asyncio.timeout(20):
            await background.settled()
        states = [(await progress.job(ADMIN, one.version)).state for one in added]
        assert set(states[:40]) == {JobState.DONE}
        assert set(states[40:]) <= {JobState.DONE, JobState.CANCELLED}


async def test_discarding_the_only_version_deletes_the_document_with_a_receipt(tmp_path: Path) -> None:
    async with running(tmp_path) as (product, progress, _, background):
        job_id = await add(product, background, "slow.md")
        await reached(progress, job_id, JobState.RUNNING)
        with pytest.raises(NotDiscardable):
            await progress.discard(ADMIN, job_id)
        await progress.cancel(ADMIN, job_id)
        with pytest.raises(JobUnknown):
            await progress.discard(user("stranger"), job_id)
        discarded = await progress.discard(ADMIN, job_id)
        assert discarded.receipt is not None
        assert (discarded.receipt.documents, discarded.receipt.originals_removed) == (1, 1)
        with pytest.raises(JobUnknown):
            await progress.job(ADMIN, job_id)


async def test_discarding_a_newer_version_leaves_the_one_that_is_found(tmp_path: Path) -> None:
    async with running(tmp_path) as (product, progress, parser, background):
        parser.gate.set()
        first = await add(product, background, "slow.md", "Lasting words.")
        await reached(progress, first, JobState.DONE)
        parser.gate.clear()
        second = await add(product, background, "slow.md", "Other words.")
        await reached(progress, second, JobState.RUNNING)
        await progress.cancel(ADMIN, second)
        assert (await progress.discard(ADMIN, second)).receipt is None
        assert await product.found("lasting") == ["slow.md"]
        [document] = await product.documents.find_all(ADMIN, collection=None, after=None, limit=9, status=None)
        assert (document.version.id, document.version.number) == (first, 1)
        with pytest.raises(NotDiscardable):
            await progress.discard(ADMIN, first)
        assert len([name async for names in product.files.stored() for name in names]) == 1


async def test_nothing_is_begun_after_a_pause(tmp_path: Path) -> None:
    async with running(tmp_path) as (product, progress, parser, background):
        for number in range(5):
            await product.add(f"slow{number}.md", f"Words {number}.")
        background.wake()
        await until(lambda: len(parser.begun) >= 2)
        await progress.set_paused(ADMIN, paused=True)
        parser.gate.set()
        await asyncio.sleep(0.5)
        assert len(parser.begun) == 2
        await progress.set_paused(ADMIN, paused=False)
        async with asyncio.timeout(10):
            await background.settled()
        assert len(parser.begun) == 5


async def test_an_interrupted_reading_is_told_and_a_waiting_one_is_not(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        progress = ProgressService(
            product.database, product.documents, product.deletions, jobs(product), product.embedder, NoSyncs()
        )
        added = await product.add("a.md", "Words.")
        await product.claim(10)
        assert (await progress.history(ADMIN, added.version)).interrupted == 0
        await product.recover()
        assert (await progress.history(ADMIN, added.version)).interrupted == 1


async def test_who_follows_a_job_is_let_go_when_the_server_stops(tmp_path: Path) -> None:
    async with running(tmp_path) as (product, progress, _, background):
        job_id = await add(product, background, "slow.md", "Slow words.")
        await reached(progress, job_id, JobState.RUNNING)
        async with asyncio.timeout(5), aclosing(progress.follow(ADMIN, job_id)) as seen:
            async for job in seen:
                assert not job.state.is_final
                progress.end_following()
