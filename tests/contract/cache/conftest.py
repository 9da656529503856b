"""Each cache that is to keep the contract."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from ragkeeper.storage.cache.fallback import FallbackCache
from ragkeeper.storage.cache.memory import MemoryCache
from ragkeeper.storage.cache.port import Cache
from ragkeeper.storage.cache.redis import RedisCache
from tests.contract.cache.server import RedisServer, redis_server

ROOM = 1_000_000


@pytest.fixture(scope="module")
def redis(require_binary: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(require_binary("redis-server"), tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["memory", "redis", "fallback", "fallback_away"])
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    made = _made(request)
    yield made
    await made.close()


def _made(request: pytest.FixtureRequest) -> Cache:
    if request.param == "memory":
        return MemoryCache(ROOM)
    if request.param == "fallback_away":
        return FallbackCache(RedisCache.connect("redis://127.0.0.1:9/1"), MemoryCache(ROOM))
    redis: RedisServer = request.getfixturevalue("redis")
    redis.ask("FLUSHALL")
    shared = RedisCache.connect(redis.url)
    return shared if request.param == "redis" else FallbackCache(shared, MemoryCache(ROOM))
