"""What only the engine on DBOS can meet; what every engine promises is in `tests/contract/jobs`."""

import asyncio
from pathlib import Path

import pytest
from dbos import DBOS

from ragkeeper.jobs.dbos_engine import DbosEngine
from ragkeeper.jobs.errors import JobsUnavailable


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
