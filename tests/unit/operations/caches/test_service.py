import asyncio

import pytest
from structlog.testing import capture_logs

from ragkeeper.core.access import Forbidden, local_administrator
from ragkeeper.operations.caches.models import CacheLimits
from ragkeeper.operations.caches.service import CacheService
from ragkeeper.storage.cache.errors import CacheUnavailable
from ragkeeper.storage.cache.memory import MemoryCache
from ragkeeper.storage.cache.port import CacheKind, CacheTally
from tests.wired import user

ADMIN = local_administrator()
SEARCH, ANSWER, SEMANTIC = CacheKind


@pytest.fixture
def tally():
    return CacheTally()


@pytest.fixture
async def caches(tally):
    store = MemoryCache(1_000_000)
    await store.set(SEARCH, "a", b"x", 60)
    await store.set(ANSWER, "a", b"x", 60)
    return CacheService(store, tally, CacheLimits(used=True, bytes=1_000_000, seconds={SEARCH: 3600}))


async def test_stats_tell_use_and_room_by_kind(caches, tally):
    for hit in (True, True, False, True):
        tally.count(SEARCH, hit=hit)
    stats = await caches.stats(ADMIN)
    assert (stats.used, stats.store, stats.limit_bytes) == (True, "memory", 1_000_000)
    search, answer, semantic = stats.kinds
    assert (search.hits, search.misses, search.hit_rate, search.entries, search.seconds) == (3, 1, 0.75, 1, 3600)
    assert (answer.hit_rate, answer.entries, answer.seconds) == (None, 1, None)
    assert semantic.entries == 0


async def test_one_kind_is_cleared_and_no_other(caches):
    assert await caches.clear(ADMIN, [SEARCH, SEMANTIC]) == {SEARCH: 1, SEMANTIC: 0}
    assert [kind.entries for kind in (await caches.stats(ADMIN)).kinds] == [0, 1, 0]


async def test_only_administrators_may(caches):
    with pytest.raises(Forbidden):
        await caches.stats(user("anna"))
    with pytest.raises(Forbidden):
        await caches.clear(user("anna"), list(CacheKind))
    assert (await caches.stats(ADMIN)).kinds[0].entries == 1


async def test_everything_is_forgotten_in_the_background(caches):
    caches.forget()
    caches.forget()
    await until_forgotten(caches)
    assert [kind.entries for kind in (await caches.stats(ADMIN)).kinds] == [0, 0, 0]


async def test_a_store_that_fails_is_noted_and_keeps_nobody_from_deleting(tally):
    class Away(MemoryCache):
        async def clear(self, kind):
            raise CacheUnavailable(reason="it is away")

    caches = CacheService(Away(1000), tally, CacheLimits(used=True, bytes=1000, seconds={}))
    with capture_logs() as logs:
        caches.forget()
        await until_forgotten(caches)
    assert {log["event"] for log in logs} == {"cache_not_cleared"}


async def until_forgotten(caches):
    await asyncio.wait([task for task in asyncio.all_tasks() if task.get_name() == "forget caches"])
