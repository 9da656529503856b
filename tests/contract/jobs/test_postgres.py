"""What only an engine on PostgreSQL can meet: its server goes away, hangs, refuses, and comes back."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
import structlog
from dbos import DBOS

from ragkeeper.core.ids import new_id
from ragkeeper.jobs.dbos_engine import DbosEngine
from ragkeeper.jobs.errors import JobsDatabaseAway, JobsDatabaseRefuses, JobsUnavailable
from ragkeeper.jobs.port import DurableState, JobRun, Json
from tests.contract.jobs.server import PASSWORD, PostgresServer
from tests.waiting import ended, until


class _Work:
    """A job of two steps; the first waits until it may end."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.done: list[str] = []

    async def __call__(self, run: JobRun, argument: Json) -> Json:
        await run.step("first", self._first)
        return await run.step("second", self._second)

    async def _first(self) -> Json:
        self.begun.set()
        await self.may_end.wait()
        self.done.append("first")
        return None

    async def _second(self) -> Json:
        self.done.append("second")
        return "whole"


@asynccontextmanager
async def engine_on(url: str, work: _Work) -> AsyncIterator[DbosEngine]:
    engine = DbosEngine(url, lambda: DBOS, resume_every=0.2)
    engine.handle("work", work)
    try:
        yield engine
    finally:
        await engine.stop()


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.database(f"jobs_{new_id()}")


async def test_a_queue_that_the_server_lost_is_made_again_and_its_jobs_run(url: str):
    work = _Work()
    work.may_end.set()
    async with engine_on(url, work) as engine:
        await engine.start()
        with psycopg.connect(url) as connection:
            assert connection.execute("DELETE FROM dbos.queues").rowcount == 1
        job_id = await engine.submit("work", None)
        job = await ended(engine, job_id)
        assert (job.state, job.result) == (DurableState.DONE, "whole")


async def test_a_job_under_way_when_the_server_goes_ends_once_it_is_back(postgres: PostgresServer, url: str):
    work = _Work()
    async with engine_on(url, work) as engine:
        job_id = await engine.submit("work", None)
        await work.begun.wait()
        postgres.stop()
        try:
            with pytest.raises(JobsDatabaseAway):
                await engine.find(job_id)
            assert isinstance(engine.trouble, JobsDatabaseAway)
            work.may_end.set()
            await until(lambda: work.done == ["first"])
        finally:
            postgres.start()
        job = await ended(engine, job_id)
        assert (job.state, job.result) == (DurableState.DONE, "whole")
        assert engine.trouble is None
        assert work.done.count("second") == 1


async def test_it_says_how_large_its_database_is_and_who_is_connected(postgres: PostgresServer, url: str):
    async with engine_on(url, _Work()) as engine:
        assert await engine.record_use() is None
        await engine.start()
        found = await engine.record_use()
        assert found is not None
        assert (found.name, found.bytes > 1_000_000, found.connections > 0) == (url.rpartition("/")[2], True, True)
        postgres.stop()
        try:
            with pytest.raises(JobsDatabaseAway):
                await engine.record_use()
        finally:
            postgres.start()


async def test_an_engine_that_found_no_server_starts_when_it_is_there(postgres: PostgresServer, url: str):
    work = _Work()
    work.may_end.set()
    postgres.stop()
    try:
        async with engine_on(url, work) as engine:
            with pytest.raises(JobsDatabaseAway) as caught:
                await engine.start()
            assert "RAG_JOBS_DATABASE_URL" in caught.value.advice
            assert "refused" in caught.value.message
            postgres.start()
            assert (await ended(engine, await engine.submit("work", None))).result == "whole"
    finally:
        postgres.start()


async def test_a_server_that_hangs_is_away_within_seconds_and_holds_up_no_stop(postgres: PostgresServer, url: str):
    work = _Work()
    async with engine_on(url, work) as engine:
        job_id = await engine.submit("work", None)
        await work.begun.wait()
        postgres.freeze()
        try:
            began = time.monotonic()
            with pytest.raises(JobsDatabaseAway, match="no answer"):
                await engine.find(job_id)
            assert time.monotonic() - began < 15
            began = time.monotonic()
            await engine.stop()
            assert time.monotonic() - began < 15
        finally:
            postgres.thaw()
    after = _Work()
    after.may_end.set()
    async with engine_on(url, after) as engine:
        await engine.start()
        assert (await ended(engine, job_id)).result == "whole"


def wrong_url(postgres: PostgresServer, kind: str) -> str:
    match kind:
        case "password":
            return postgres.url("postgres", password=PASSWORD + "-wrong")
        case "database":
            return postgres.url("nothing_here")
        case _:
            return postgres.readers_url()


@pytest.mark.parametrize(
    ("kind", "reason", "error"),
    [
        ("password", "password authentication failed", JobsDatabaseAway),
        ("database", "does not exist", JobsDatabaseAway),
        ("right", "permission denied", JobsDatabaseRefuses),
    ],
)
async def test_what_is_wrong_is_said_and_no_password_shown(
    postgres: PostgresServer,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    kind: str,
    reason: str,
    error: type[JobsUnavailable],
):
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as logged:
        async with engine_on(wrong_url(postgres, kind), _Work()) as engine:
            with pytest.raises(error, match=reason) as caught:
                await engine.start()
    shown = f"{caught.getrepr(style='long')}{capfd.readouterr()}{caplog.text}{logged}{caught.value.advice}"
    assert [one["event"] for one in logged] == ["jobs_unavailable"]
    assert PASSWORD not in shown
