"""What every cache does, wherever it keeps its values."""

import asyncio

import pytest

from ragkeeper.storage.cache.port import Cache, CacheKind

SEARCH, ANSWER, SEMANTIC = CacheKind
ALL_BYTES = bytes(range(256))


async def value_of(cache: Cache, kind: CacheKind, key: str) -> bytes | None:
    entry = await cache.get(kind, key)
    return entry.value if entry else None


@pytest.mark.parametrize("value", [b"", b"x", ALL_BYTES, ALL_BYTES * 200])
async def test_what_is_set_is_what_is_got(cache: Cache, value: bytes):
    await cache.set(SEARCH, "a", value, 60)
    assert await value_of(cache, SEARCH, "a") == value
    assert await cache.get(SEARCH, "b") is None


async def test_kinds_know_nothing_of_each_other(cache: Cache):
    await cache.set(SEARCH, "a", b"hits", 60)
    await cache.set(ANSWER, "a", b"answer", 60)
    assert await value_of(cache, SEARCH, "a") == b"hits"
    assert await value_of(cache, ANSWER, "a") == b"answer"
    assert await cache.get(SEMANTIC, "a") is None


async def test_the_last_value_counts_and_a_deleted_one_is_gone(cache: Cache):
    await cache.set(ANSWER, "a", b"old", 60)
    await cache.set(ANSWER, "a", b"new", 60)
    assert await value_of(cache, ANSWER, "a") == b"new"
    await cache.delete(ANSWER, "a")
    await cache.delete(ANSWER, "never was")
    assert await cache.get(ANSWER, "a") is None


async def test_clearing_one_kind_leaves_the_others(cache: Cache):
    for number in range(30):
        await cache.set(SEARCH, f"{number}", b"x", 60)
    await cache.set(ANSWER, "a", b"answer", 60)
    assert await cache.clear(SEARCH) == 30
    assert [await cache.get(SEARCH, f"{number}") for number in range(30)] == [None] * 30
    assert await value_of(cache, ANSWER, "a") == b"answer"
    assert await cache.clear(SEARCH) == 0
    await cache.set(SEARCH, "1", b"again", 60)
    assert await value_of(cache, SEARCH, "1") == b"again"


async def test_an_entry_ages_and_ends(cache: Cache):
    await cache.set(SEARCH, "short", b"x", 0.3)
    await cache.set(SEARCH, "long", b"x", 60)
    entry = await cache.get(SEARCH, "short")
    assert entry is not None
    assert 0 <= entry.age < 0.3
    await asyncio.sleep(0.35)
    assert await cache.get(SEARCH, "short") is None
    entry = await cache.get(SEARCH, "long")
    assert entry is not None
    assert 0.3 <= entry.age < 5


async def test_what_says_nothing_of_its_time_is_kept_for_five_minutes(cache: Cache):
    await cache.set(SEARCH, "a", b"x")
    assert 295 < (await cache.usage())[SEARCH].longest_seconds <= 300


async def test_usage_counts_what_is_there(cache: Cache):
    await cache.set(SEARCH, "a", b"x" * 1000, 60)
    await cache.set(SEARCH, "b", b"x" * 2000, 600)
    await cache.set(ANSWER, "short", b"x", 0.05)
    await asyncio.sleep(0.1)
    usage = await cache.usage()
    assert set(usage) == set(CacheKind)
    assert usage[SEARCH].entries == 2
    assert 3000 <= usage[SEARCH].bytes < 5000
    assert 590 < usage[SEARCH].longest_seconds <= 600
    assert (usage[ANSWER].entries, usage[ANSWER].bytes, usage[ANSWER].longest_seconds) == (0, 0, 0)


async def test_many_at_once_do_not_disturb_each_other(cache: Cache):
    async def one(number: int) -> bytes | None:
        await cache.set(SEARCH, f"{number}", b"%d" % number, 60)
        return await value_of(cache, SEARCH, f"{number}")

    assert await asyncio.gather(*map(one, range(200))) == [b"%d" % number for number in range(200)]
