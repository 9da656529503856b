"""Every job engine that must keep the contract: made again over the same folder, it goes on where it was."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from dbos import DBOS

from ragkeeper.jobs.dbos_engine import DbosEngine
from ragkeeper.jobs.fake import FakeJobEngine, FakeStore
from ragkeeper.jobs.port import JobEngine

Opener = Callable[[], JobEngine]


@pytest.fixture(params=["dbos", "fake"])
async def opener(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opener]:
    """Makes an engine on the test's folder; all of them are stopped at the end."""
    store = FakeStore()
    opened: list[JobEngine] = []

    def opener() -> JobEngine:
        engine = (
            DbosEngine(f"sqlite:///{tmp_path / 'jobs.db'}", lambda: DBOS)
            if request.param == "dbos"
            else FakeJobEngine(store)
        )
        opened.append(engine)
        return engine

    yield opener
    for engine in opened:
        await engine.stop()
