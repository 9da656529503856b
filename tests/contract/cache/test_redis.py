"""What only a cache in Redis has to think of: others' keys, an older copy of its memory, passwords, a full memory."""

import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from ragkeeper.storage.cache.errors import CacheUnavailable
from ragkeeper.storage.cache.fallback import FallbackCache
from ragkeeper.storage.cache.memory import MemoryCache
from ragkeeper.storage.cache.port import CacheKind
from ragkeeper.storage.cache.redis import RedisCache
from tests.contract.cache.server import RedisServer, redis_server

SEARCH = CacheKind.SEARCH
PASSWORD = "a-password-that-nobody-may-see"  # noqa: S105 - of a server that lives for one test


async def test_keys_begin_as_their_kind_and_other_keys_stay(redis: RedisServer):
    cache = RedisCache.connect(redis.url)
    for number in range(2500):
        await cache.set(SEARCH, f"{number}", b"x", 60)
    client = cache._client
    await client.set("session:1", "somebody")
    await client.set("limit:1", "27")
    names = {name for name in await client.keys("*") if name.startswith(b"vector_search:")}
    assert len(names) == 2500
    assert await cache.clear(SEARCH) == 2500
    assert await client.get("session:1") == b"somebody"
    assert await client.get("limit:1") == b"27"
    await cache.close()


async def test_a_value_of_an_older_copy_of_its_memory_is_none(redis: RedisServer):
    cache = RedisCache.connect(redis.url)
    await cache.set(SEARCH, "a", b"old", 60)
    name, epoch = "vector_search:a", "ragkeeper:cache_epoch:search"
    older = {one: await cache._client.get(one) for one in (name, epoch)}
    await cache.clear(SEARCH)
    for one, value in older.items():
        await cache._client.set(one, value, px=60_000)
    assert await cache.get(SEARCH, "a") is None
    await cache.set(SEARCH, "b", b"new", 60)
    assert await cache.get(SEARCH, "a") is None
    entry = await cache.get(SEARCH, "b")
    assert entry is not None
    await cache.close()


async def test_a_renewed_cache_holds_nothing_for_any_process(redis: RedisServer):
    one, other = RedisCache.connect(redis.url), RedisCache.connect(redis.url)
    await one.set(SEARCH, "a", b"x", 60)
    assert await other.get(SEARCH, "a") is not None
    await other.renew()
    assert await one.get(SEARCH, "a") is None
    assert await other._client.keys(f"{SEARCH.prefix}*") == []
    await one.set(SEARCH, "a", b"y", 60)
    assert await other.get(SEARCH, "a") is not None
    await one.close()
    await other.close()


async def test_what_others_wrote_under_its_names_is_none(redis: RedisServer):
    cache = RedisCache.connect(redis.url)
    await cache.set(SEARCH, "a", b"x", 60)
    for value in ("", "short", "x" * 100):
        await cache._client.set("vector_search:a", value, px=60_000)
        assert await cache.get(SEARCH, "a") is None
    await cache._client.set("ragkeeper:cache_epoch:search", "not a number")
    assert await cache.get(SEARCH, "a") is None
    await cache.set(SEARCH, "a", b"x", 60)
    assert await cache.get(SEARCH, "a") is not None
    await cache.close()


async def test_a_password_is_used_and_never_shown(
    require_binary: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with redis_server(require_binary("redis-server"), tmp_path, PASSWORD) as server:
        cache = RedisCache.connect(server.url, PASSWORD)
        await cache.set(SEARCH, "a", b"x", 60)
        assert await cache.get(SEARCH, "a") is not None
        await cache.close()
        in_address = f"redis://:{PASSWORD}wrong@127.0.0.1:{server.port}/1"
        for url, password in ((server.url, ""), (server.url, f"{PASSWORD}wrong"), (in_address, "")):
            cache = RedisCache.connect(url, password)
            with pytest.raises(CacheUnavailable) as caught:
                await cache.set(SEARCH, "a", b"x", 60)
            assert "authentication" in caught.value.message.lower()
            assert PASSWORD not in "".join(traceback.format_exception(caught.value))
            await cache.close()
    assert PASSWORD not in "".join(capsys.readouterr())


async def test_a_full_memory_keeps_nothing_and_stops_nobody(require_binary: Callable[[str], Path], tmp_path: Path):
    options = ("--maxmemory", "3mb", "--maxmemory-policy", "noeviction")
    with redis_server(require_binary("redis-server"), tmp_path, options=options) as server:
        cache = RedisCache.connect(server.url)
        await cache.set(SEARCH, "kept", b"x", 60)
        for number in range(60):
            await cache.set(SEARCH, f"{number}", b"x" * 100_000, 60)
        assert (await cache.usage())[SEARCH].entries < 60
        assert await cache.get(SEARCH, "kept") is not None
        await cache.close()


async def test_an_address_where_nobody_listens_is_told_without_waiting():
    cache = RedisCache.connect("redis://127.0.0.1:9/1")
    with pytest.raises(CacheUnavailable):
        await cache.get(SEARCH, "a")
    await cache.close()


async def test_it_says_how_the_server_is(redis: RedisServer):
    cache = RedisCache.connect(redis.url)
    before = await cache.server()
    await cache.set(SEARCH, "there", b"x", 60)
    assert await cache.get(SEARCH, "there") is not None
    assert await cache.get(SEARCH, "not there") is None
    now = await cache.server()
    assert (now.memory > 0, now.most_memory, now.clients > 0) == (True, 0, True)
    assert now.hits > before.hits
    assert now.misses > before.misses
    await cache.close()


async def test_of_a_server_that_is_away_nothing_is_said():
    away = FallbackCache(RedisCache.connect("redis://127.0.0.1:9/1"), MemoryCache(1000))
    assert await away.server() is None
    assert away.problem is None
    await away.close()
