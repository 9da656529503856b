"""The cache inside the process: what makes room, and that its bytes are counted as they are."""

import os
import tracemalloc

from ragkeeper.storage.cache.memory import ENTRY_BYTES, MemoryCache
from ragkeeper.storage.cache.port import CacheKind

SEARCH, ANSWER, _ = CacheKind


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def held(cache: MemoryCache, *keys: str) -> list[bool]:
    return [await cache.get(SEARCH, key) is not None for key in keys]


async def test_what_was_not_used_for_longest_makes_room():
    cache = MemoryCache(10 * (1000 + ENTRY_BYTES))
    for number in range(10):
        await cache.set(SEARCH, f"{number}", b"x" * 1000, 60)
    assert await held(cache, "0", "1") == [True, True]
    await cache.set(SEARCH, "new", b"x" * 1000, 60)
    assert await held(cache, "0", "1", "2", "3", "new") == [True, True, False, True, True]


async def test_entries_are_bounded_too():
    cache = MemoryCache(1_000_000, most_entries=3)
    for number in range(5):
        await cache.set(SEARCH, f"{number}", b"", 60)
    assert await held(cache, "0", "1", "2", "3", "4") == [False, False, True, True, True]


async def test_a_giant_is_not_kept_and_pushes_nobody_out():
    cache = MemoryCache(100_000)
    await cache.set(SEARCH, "small", b"x", 60)
    await cache.set(SEARCH, "giant", b"x" * 20_000, 60)
    assert await held(cache, "small", "giant") == [True, False]
    await cache.set(SEARCH, "small", b"x" * 20_000, 60)
    assert await held(cache, "small") == [False]


async def test_an_entry_ends_with_its_time_and_time_only_goes_forward():
    clock = Clock()
    cache = MemoryCache(100_000, clock=clock)
    await cache.set(SEARCH, "a", b"x", 10)
    clock.now += 9.9
    entry = await cache.get(SEARCH, "a")
    assert entry is not None
    assert round(entry.age, 3) == 9.9
    clock.now += 0.1
    assert await held(cache, "a") == [False]


async def test_what_has_expired_makes_room_before_it_is_asked_for():
    clock = Clock()
    cache = MemoryCache(1_000_000, clock=clock)
    for number in range(100):
        await cache.set(SEARCH, f"{number}", b"x" * 100, 10)
    clock.now += 10
    for number in range(20):
        await cache.set(ANSWER, f"{number}", b"x" * 100, 10)
    assert len(cache._held) == 20


async def test_bytes_are_what_memory_says():
    cache = MemoryCache(50_000_000)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(5000):
            await cache.set(SEARCH, f"{number:064x}", os.urandom(200), 60)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    counted = (await cache.usage())[SEARCH].bytes
    assert counted == cache._bytes
    assert 0.9 * taken <= counted <= 1.5 * taken


async def test_bytes_are_given_back():
    cache = MemoryCache(1_000_000)
    for number in range(50):
        await cache.set(SEARCH, f"{number}", b"x" * 100, 60)
        await cache.set(SEARCH, f"{number}", b"x" * 300, 60)
    await cache.delete(SEARCH, "0")
    await cache.clear(SEARCH)
    assert cache._bytes == 0
