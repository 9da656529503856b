"""What only the engine on DBOS can meet; what every engine promises is in `tests/contract/jobs`."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from dbos import DBOS
from sqlalchemy.exc import OperationalError

from ragkeeper.jobs.dbos_engine import DbosEngine
from ragkeeper.jobs.errors import JobsUnavailable
from ragkeeper.jobs.port import DurableState, JobRun, Json
from tests.waiting import ended, until


async def test_a_damaged_record_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "jobs.db"
    file.write_bytes(b"no database at all" * 1000)
    engine = DbosEngine(f"sqlite:///{file}", lambda: DBOS)
    with pytest.raises(JobsUnavailable) as caught:
        await engine.start()
    assert "move it aside" in caught.value.advice
    with pytest.raises(JobsUnavailable):
        await engine.find("anything")
    file.unlink()
    assert await engine.find("anything") is None
    await engine.stop()


async def test_a_start_that_is_cancelled_leaves_an_engine_that_stops(tmp_path: Path) -> None:
    engine = DbosEngine(f"sqlite:///{tmp_path / 'jobs.db'}", lambda: DBOS)
    starting = asyncio.create_task(engine.start())
    await asyncio.sleep(0.01)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await engine.stop()
    again = DbosEngine(f"sqlite:///{tmp_path / 'jobs.db'}", lambda: DBOS)
    assert await again.find("anything") is None
    await again.stop()


async def test_jobs_wait_for_others_of_their_lane_only(tmp_path: Path) -> None:
    may_end, begun = asyncio.Event(), list[str]()

    async def slow(run: JobRun, _: Json) -> Json:
        begun.append(run.job_id)
        await may_end.wait()
        return None

    async def quick(_: JobRun, __: Json) -> Json:
        return "done"

    engine = DbosEngine(f"sqlite:///{tmp_path / 'jobs.db'}", lambda: DBOS)
    engine.handle("slow", slow, lane="slow")
    engine.handle("quick", quick)
    for number in range(5):
        await engine.submit("slow", None, job_id=f"slow-{number}")
    await until(lambda: len(begun) == 4)
    assert (await ended(engine, await engine.submit("quick", None))).result == "done"
    assert len(begun) == 4
    may_end.set()
    await ended(engine, "slow-4")
    await engine.stop()


async def test_what_ended_long_ago_is_forgotten_and_what_waits_is_not(tmp_path: Path) -> None:
    never = asyncio.Event()

    async def work(_: JobRun, argument: Json) -> Json:
        if argument == "wait":
            await never.wait()
        return argument

    def made() -> DbosEngine:
        engine = DbosEngine(f"sqlite:///{tmp_path / 'jobs.db'}", lambda: DBOS, remembered=3)
        engine.handle("work", work)
        return engine

    engine = made()
    await engine.submit("work", "wait", job_id="first")
    for job_id in [await engine.submit("work", number) for number in range(6)]:
        await ended(engine, job_id)
    assert len(await engine.jobs("work", 100)) == 7
    await engine.stop()
    engine = made()
    await engine.start()

    async def few_are_left() -> bool:
        return len(await engine.jobs("work", 100)) <= 4

    await until(few_are_left)
    left = await engine.jobs("work", 100)
    assert len(left) == 4
    assert left[-1].argument == "wait"
    await engine.stop()


async def test_a_step_that_the_database_cut_off_is_done_again(tmp_path: Path) -> None:
    tried: list[str] = []

    async def fails_once() -> Json:
        tried.append("second")
        if len(tried) == 2:
            raise OperationalError("INSERT", None, sqlite3.OperationalError("database is locked"))
        return "done"

    async def first() -> Json:
        tried.append("first")
        return None

    async def handler(run: JobRun, argument: Json) -> Json:
        await run.step("first", first)
        return await run.step("second", fails_once)

    engine = DbosEngine(f"sqlite:///{tmp_path / 'jobs.db'}", lambda: DBOS, resume_every=0.2)
    engine.handle("work", handler)
    job = await ended(engine, await engine.submit("work", None))
    await engine.stop()
    assert (job.state, job.result) == (DurableState.DONE, "done")
    assert tried == ["first", "second", "second"]


async def test_an_outcome_that_could_not_be_noted_is_noted_later(tmp_path: Path) -> None:
    """The record is locked while a step ends, for longer than DBOS waits."""
    file = tmp_path / "jobs.db"
    began = asyncio.Event()
    go_on = asyncio.Event()

    async def work() -> Json:
        began.set()
        await go_on.wait()
        return "done"

    async def handler(run: JobRun, argument: Json) -> Json:
        return await run.step("only", work)

    engine = DbosEngine(f"sqlite:///{file}", lambda: DBOS, resume_every=0.2)
    engine.handle("work", handler)
    job_id = await engine.submit("work", None)
    await began.wait()
    # Nothing can be written from here on: what DBOS notes of the step fails, as on a full disk.
    with sqlite3.connect(file, isolation_level=None) as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON operation_outputs BEGIN SELECT RAISE(ABORT, 'x'); END")
        go_on.set()
        await asyncio.sleep(0.5)
        other.execute("DROP TRIGGER full")
    other.close()
    job = await ended(engine, job_id)
    await engine.stop()
    assert (job.state, job.result) == (DurableState.DONE, "done")
