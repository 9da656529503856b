"""What every job engine promises."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ragkeeper.jobs.errors import CronInvalid
from ragkeeper.jobs.port import DurableState, JobRun, Json, Schedule
from ragkeeper.storage.files.errors import DiskSpaceLow
from tests.contract.jobs.conftest import Opener
from tests.waiting import ended


class Counting:
    """A job of three steps that notes which of them were done, and waits in the second until it may go on."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.reached = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.let_go = False

    async def __call__(self, run: JobRun, argument: Json) -> Json:
        first = await run.step("first", self._noting("first", argument))
        await run.step("second", self._waiting)
        third = await run.step("third", self._noting("third", 3))
        return [first, third]

    def _noting(self, name: str, result: Json) -> Callable[[], Awaitable[Json]]:
        async def work() -> Json:
            self.done.append(name)
            return result

        return work

    async def _waiting(self) -> Json:
        self.reached.set()
        try:
            await self.may_go_on.wait()
        finally:
            await asyncio.sleep(0.01)
            self.let_go = True
        self.done.append("second")
        return None


async def test_a_job_gives_what_its_handler_returns(opener: Opener):
    work = Counting()
    work.may_go_on.set()
    engine = opener()
    engine.handle("count", work)
    job_id = await engine.submit("count", {"a": [1, None]})
    job = await ended(engine, job_id)
    assert (job.state, job.kind, job.argument) == (DurableState.DONE, "count", {"a": [1, None]})
    assert job.result == [{"a": [1, None]}, 3]
    assert work.done == ["first", "second", "third"]
    assert job.updated_at >= job.created_at


async def test_after_a_stop_it_goes_on_with_the_step_that_was_cut_off(opener: Opener):
    before, after = Counting(), Counting()
    engine = opener()
    engine.handle("count", before)
    job_id = await engine.submit("count", 7)
    await before.reached.wait()
    await engine.stop()
    assert before.let_go, "its work had not ended when stop returned"
    after.may_go_on.set()
    engine = opener()
    engine.handle("count", after)
    await engine.start()
    job = await ended(engine, job_id)
    assert job.result == [7, 3]
    assert before.done == ["first"]
    assert after.done == ["second", "third"]


async def test_what_is_no_server_says_nothing_of_itself(opener: Opener, request: pytest.FixtureRequest):
    engine = opener()
    await engine.start()
    assert (await engine.record_use() is None) is ("postgres" not in request.node.name)


async def test_an_id_runs_once(opener: Opener):
    work = Counting()
    work.may_go_on.set()
    engine = opener()
    engine.handle("count", work)
    assert await engine.submit("count", 1, job_id="only") == "only"
    await ended(engine, "only")
    await engine.submit("count", 2, job_id="only")
    await asyncio.sleep(0.7)
    assert len(work.done) == 3
    job = await engine.find("only")
    assert job is not None
    assert job.argument == 1


async def test_cancelling_ends_the_step_under_way(opener: Opener):
    work = Counting()
    engine = opener()
    engine.handle("count", work)
    job_id = await engine.submit("count", 1)
    await work.reached.wait()
    await engine.cancel(job_id)
    assert work.let_go
    job = await ended(engine, job_id)
    assert job.state is DurableState.CANCELLED
    work.may_go_on.set()
    await asyncio.sleep(0.1)
    assert work.done == ["first"]


async def test_a_cancelled_job_stays_cancelled_after_a_restart(opener: Opener):
    work, after = Counting(), Counting()
    after.may_go_on.set()
    engine = opener()
    engine.handle("count", work)
    job_id = await engine.submit("count", 1)
    await work.reached.wait()
    await engine.cancel(job_id)
    await engine.stop()
    engine = opener()
    engine.handle("count", after)
    await engine.start()
    await asyncio.sleep(0.7)
    assert (await ended(engine, job_id)).state is DurableState.CANCELLED
    assert after.done == []


async def test_an_error_is_the_outcome_with_its_code(opener: Opener):
    async def full() -> Json:
        raise DiskSpaceLow(path="/data", free_mb=1, needed_mb=2)

    async def handler(run: JobRun, argument: Json) -> Json:
        return await run.step("write", full)

    engine = opener()
    engine.handle("write", handler)
    job = await ended(engine, await engine.submit("write", None))
    assert (job.state, job.code) == (DurableState.FAILED, DiskSpaceLow.code)
    assert job.message
    assert job.result is None


async def test_an_error_can_be_caught_by_the_handler(opener: Opener):
    async def full() -> Json:
        raise DiskSpaceLow(path="/data", free_mb=1, needed_mb=2)

    async def handler(run: JobRun, argument: Json) -> Json:
        try:
            return await run.step("write", full)
        except DiskSpaceLow:
            return "caught"

    engine = opener()
    engine.handle("write", handler)
    assert (await ended(engine, await engine.submit("write", None))).result == "caught"


async def test_an_unexpected_error_tells_no_secrets(opener: Opener):
    async def handler(run: JobRun, argument: Json) -> Json:
        raise ValueError("a password")

    engine = opener()
    engine.handle("broken", handler)
    job = await ended(engine, await engine.submit("broken", None))
    assert (job.state, job.code) == (DurableState.FAILED, "internal_error")
    assert "password" not in (job.message or "")


async def test_jobs_are_listed_by_kind_newest_first(opener: Opener):
    async def handler(run: JobRun, argument: Json) -> Json:
        return argument

    engine = opener()
    engine.handle("one", handler)
    engine.handle("other", handler)
    for number in range(3):
        await ended(engine, await engine.submit("one", number))
    await ended(engine, await engine.submit("other", 9))
    assert [job.result for job in await engine.jobs("one", 2)] == [2, 1]


async def test_an_unknown_job_is_none(opener: Opener):
    engine = opener()
    assert await engine.find("nothing") is None


async def test_a_wrong_schedule_is_refused(opener: Opener):
    engine = opener()
    with pytest.raises(CronInvalid):
        await engine.set_schedules("kind", [Schedule("nightly", "0 2 * *", "kind")])


async def test_a_step_may_use_the_engine_itself(opener: Opener):
    engine, work = opener(), Counting()
    work.may_go_on.set()

    async def ask() -> Json:
        job_id = await engine.submit("count", "from within")
        found = await engine.find(job_id)
        assert found is not None
        return [job_id, len(await engine.jobs("count", 9))]

    async def parent(run: JobRun, argument: Json) -> Json:
        return await run.step("ask", ask)

    engine.handle("count", work)
    engine.handle("parent", parent)
    job = await ended(engine, await engine.submit("parent", None))
    assert isinstance(job.result, list), job
    assert job.result[1] == 1
    child = await ended(engine, str(job.result[0]))
    assert (child.state, child.argument) == (DurableState.DONE, "from within")


async def test_active_jobs_are_those_that_have_not_ended(opener: Opener):
    waiting, ending = Counting(), Counting()
    ending.may_go_on.set()
    engine = opener()
    engine.handle("count", waiting)
    engine.handle("quick", ending)
    await engine.start()
    assert await engine.active("count") == []
    job_id = await engine.submit("count", 1)
    await ended(engine, await engine.submit("quick", 1))
    await waiting.reached.wait()
    assert [job.id for job in await engine.active("count")] == [job_id]
    assert await engine.active("quick") == []
    waiting.may_go_on.set()
    await ended(engine, job_id)
    assert await engine.active("count") == []
