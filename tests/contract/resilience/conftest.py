"""Each pair of engines that is to keep the contract, as two processes have them. Local ones are one and the same."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ragkeeper.providers.resilience.link import Link
from ragkeeper.providers.resilience.local import WINDOW, LocalCalls, LocalStates
from ragkeeper.providers.resilience.ports import CallLog, StateStore
from ragkeeper.providers.resilience.shared import SharedCalls, SharedStates
from tests.contract.cache.server import RedisServer, redis_server

PAUSE = 0.02


@dataclass(frozen=True)
class Engines:
    """What one process has."""

    states: StateStore
    calls: CallLog
    link: Link | None = None


@asynccontextmanager
async def process(server: RedisServer, window: float = WINDOW) -> AsyncIterator[Engines]:
    """One more that shares."""
    link = Link.connect(server.url, pause=PAUSE)
    try:
        made = Engines(SharedStates(link), SharedCalls(link, window=window), link)
        await link.start()
        yield made
    finally:
        await link.close()


@pytest.fixture
def server(require_binary: Callable[[str], Path], tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(require_binary("redis-server"), tmp_path) as running:
        yield running


@pytest.fixture(params=["local", "redis", "redis_away"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Engines, Engines]]:
    """redis_away: what one process has left, as the local ones."""
    if request.param == "local":
        local = Engines(LocalStates(), LocalCalls())
        yield local, local
        return
    server: RedisServer = request.getfixturevalue("server")
    if request.param == "redis_away":
        server.stop()
        async with process(server) as one:
            yield one, one
        return
    async with process(server) as one, process(server) as other:
        yield one, other
