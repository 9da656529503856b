"""On a file of its own, DBOS is there only while there is something to do."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dbos import DBOS

from ragkeeper.jobs.dbos_engine import DbosEngine
from ragkeeper.jobs.port import DurableState, JobRun, Json
from tests.waiting import ended, until

_SOON = 0.2


class Loading:
    """Counts how often DBOS was asked for."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Any:
        self.times += 1
        return DBOS


async def _twice(run: JobRun, argument: Json) -> Json:
    return await run.step("only", lambda: _value(argument))


async def _value(argument: Json) -> Json:
    return [argument, argument]


def _engine(folder: Path, load: Callable[[], Any], rest_after: float = 300.0) -> DbosEngine:
    engine = DbosEngine(f"sqlite:///{folder / 'jobs.db'}", load, rest_after=rest_after)
    engine.handle("twice", _twice)
    return engine


def _threads() -> set[str]:
    """Without those that are kept for the next call."""
    return {one.name for one in threading.enumerate() if not one.name.startswith(("asyncio_", "jobs_record"))}


async def test_it_is_not_loaded_where_nothing_is_to_be_done(tmp_path: Path):
    load = Loading()
    engine = _engine(tmp_path, load)
    await engine.start()
    assert await engine.active("twice") == []
    await engine.stop()
    assert load.times == 0
    assert not (tmp_path / "jobs.db").exists()


async def test_it_rests_after_work_and_wakes_for_more(tmp_path: Path):
    load = Loading()
    engine = _engine(tmp_path, load, _SOON)
    await engine.start()
    before = _threads()
    for number in range(3):
        job = await ended(engine, await engine.submit("twice", number))
        assert (job.state, job.result) == (DurableState.DONE, [number, number])
        await until(lambda: not engine.is_awake)
        assert _threads() == before
    assert load.times == 3
    assert len(await engine.jobs("twice", 10)) == 3, "it has forgotten what it did"
    await engine.stop()


async def test_it_does_not_rest_while_a_job_is_under_way(tmp_path: Path):
    may_end = asyncio.Event()

    async def wait(run: JobRun, _: Json) -> Json:
        return await run.step("only", may_wait)

    async def may_wait() -> Json:
        await may_end.wait()
        return "ended"

    engine = _engine(tmp_path, Loading(), _SOON)
    engine.handle("wait", wait)
    job_id = await engine.submit("wait", None)
    await asyncio.sleep(6 * _SOON)
    assert engine.is_awake
    may_end.set()
    assert (await ended(engine, job_id)).result == "ended"
    await engine.stop()


async def test_a_start_takes_up_what_was_left(tmp_path: Path):
    left = _engine(tmp_path, Loading())
    left.handle("twice", _never)
    job_id = await left.submit("twice", 7)
    await left.stop()
    load = Loading()
    engine = _engine(tmp_path, load)
    await engine.start()
    assert load.times == 1
    assert (await ended(engine, job_id)).result == [7, 7]
    await engine.stop()


async def _never(run: JobRun, argument: Json) -> Json:
    del run, argument
    await asyncio.Event().wait()
    return None
