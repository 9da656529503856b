"""Every job engine that must keep the contract: made again over the same record, it goes on where it was."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from dbos import DBOS

from ragkeeper.core.ids import new_id
from ragkeeper.jobs.dbos_engine import DbosEngine
from ragkeeper.jobs.fake import FakeJobEngine, FakeStore
from ragkeeper.jobs.port import JobEngine
from tests.contract.jobs.server import PostgresServer, postgres_server

Opener = Callable[[], JobEngine]


@pytest.fixture(scope="module")
def postgres(require_binary: Callable[[str], Path]) -> Iterator[PostgresServer]:
    with postgres_server(require_binary("postgres")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres", "fake"])
async def opener(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opener]:
    """Makes an engine on the test's record; all of them are stopped at the end."""
    make = _maker(request, tmp_path)
    opened: list[JobEngine] = []

    def opener() -> JobEngine:
        engine = make()
        opened.append(engine)
        return engine

    yield opener
    for engine in opened:
        await engine.stop()


def _maker(request: pytest.FixtureRequest, folder: Path) -> Opener:
    if request.param == "fake":
        store = FakeStore()
        return lambda: FakeJobEngine(store)
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'jobs.db'}"
    else:
        postgres: PostgresServer = request.getfixturevalue("postgres")
        url = postgres.database(f"jobs_{new_id()}")
    return lambda: DbosEngine(url, lambda: DBOS)
