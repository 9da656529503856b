"""A Redis that goes away and comes back, without a failed call and without anything stale."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ragkeeper.storage.cache.errors import CacheUnavailable
from ragkeeper.storage.cache.fallback import FallbackCache
from ragkeeper.storage.cache.memory import MemoryCache
from ragkeeper.storage.cache.port import CacheKind
from ragkeeper.storage.cache.redis import RedisCache
from tests.contract.cache.server import RedisServer, redis_server

SEARCH, ANSWER, _ = CacheKind


@pytest.fixture
def server(require_binary: Callable[[str], Path], tmp_path: Path) -> Iterator[RedisServer]:
    """Saves each change at once: what it held before it went away is there again when it comes back."""
    options = ("--appendonly", "yes", "--appendfsync", "always")
    with redis_server(require_binary("redis-server"), tmp_path, options=options) as running:
        yield running


@pytest.fixture
async def cache(server: RedisServer) -> AsyncIterator[FallbackCache]:
    made = FallbackCache(RedisCache.connect(server.url), MemoryCache(1_000_000), retry_seconds=0.02)
    yield made
    await made.close()


async def until(cache: FallbackCache, name: str) -> None:
    end = time.monotonic() + 10
    while cache.name != name:
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def value_of(cache: FallbackCache, kind: CacheKind, key: str) -> bytes | None:
    entry = await cache.get(kind, key)
    return entry.value if entry else None


async def test_an_outage_is_logged_once_and_ends_by_itself(server: RedisServer, cache: FallbackCache):
    with capture_logs() as logs:
        await cache.set(SEARCH, "a", b"x", 60)
        assert (cache.name, cache.problem) == ("redis", None)
        server.stop()
        assert await asyncio.gather(*(cache.get(SEARCH, "a") for _ in range(50))) == [None] * 50
        await cache.set(SEARCH, "b", b"y", 60)
        assert await value_of(cache, SEARCH, "b") == b"y"
        assert cache.name == "memory"
        assert cache.problem is not None
        server.start()
        await until(cache, "redis")
        await cache.set(SEARCH, "c", b"z", 60)
        assert await value_of(cache, SEARCH, "c") == b"z"

    told = [record["event"] for record in logs if "FALLBACK" in record["event"]]
    assert told == ["FALLBACK ACTIVATED", "FALLBACK DEACTIVATED"]


async def test_what_was_invalidated_while_it_was_away_does_not_come_back(server: RedisServer, cache: FallbackCache):
    for key in ("deleted", "overwritten", "untouched"):
        await cache.set(ANSWER, key, b"before", 600)
    await cache.set(SEARCH, "cleared", b"before", 600)
    assert "vector_search:cleared" in server.names()
    server.stop()
    assert await cache.get(ANSWER, "deleted") is None
    await cache.delete(ANSWER, "deleted")
    await cache.set(ANSWER, "overwritten", b"meanwhile", 600)
    await cache.clear(SEARCH)
    server.start()
    await until(cache, "redis")
    assert [name for name in server.names() if not name.startswith("ragkeeper:")] == []
    for kind, key in ((ANSWER, "deleted"), (ANSWER, "overwritten"), (ANSWER, "untouched"), (SEARCH, "cleared")):
        assert await cache.get(kind, key) is None


async def test_what_was_set_in_one_outage_is_gone_in_the_next(server: RedisServer, cache: FallbackCache):
    server.stop()
    await cache.set(SEARCH, "a", b"first outage", 600)
    assert await value_of(cache, SEARCH, "a") == b"first outage"
    server.start()
    await until(cache, "redis")
    await cache.set(SEARCH, "a", b"between", 600)
    server.stop()
    assert await cache.get(SEARCH, "a") is None


async def test_one_that_does_not_answer_costs_one_wait(server: RedisServer, cache: FallbackCache):
    await cache.set(SEARCH, "a", b"x", 60)
    assert server.process is not None
    server.process.send_signal(19)  # SIGSTOP: it takes connections and says nothing
    try:
        began = time.monotonic()
        await cache.get(SEARCH, "a")
        first = time.monotonic() - began
        for _ in range(100):
            await cache.get(SEARCH, "a")
        assert time.monotonic() - began - first < 0.2
        assert first < 3
        assert cache.name == "memory"
    finally:
        server.process.send_signal(18)
    await until(cache, "redis")


async def test_one_that_was_never_there_is_found_at_the_start():
    cache = FallbackCache(RedisCache.connect("redis://127.0.0.1:9/1"), MemoryCache(1_000_000), retry_seconds=0.02)
    with capture_logs() as logs:
        for _ in range(2):
            with pytest.raises(CacheUnavailable):
                await cache.check()
            await asyncio.sleep(0.1)
    assert [record["event"] for record in logs if "FALLBACK" in record["event"]] == ["FALLBACK ACTIVATED"]
    await cache.close()
