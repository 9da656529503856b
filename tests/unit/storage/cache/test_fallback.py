"""What a client that swallows a cancellation does to a cache that is closed during an outage."""

import asyncio

from ragkeeper.storage.cache.errors import CacheUnavailable
from ragkeeper.storage.cache.fallback import FallbackCache
from ragkeeper.storage.cache.memory import MemoryCache
from ragkeeper.storage.cache.port import CacheKind, Entry


class Swallowing(MemoryCache):
    """Away; ends each attempt to come back with its own time limit, even where that was a cancellation."""

    def __init__(self) -> None:
        super().__init__(1000)
        self.trying = asyncio.Event()
        self.tried = 0

    async def get(self, kind: CacheKind, key: str) -> Entry | None:
        raise CacheUnavailable(reason="away")

    async def renew(self) -> None:
        self.tried += 1
        self.trying.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            raise CacheUnavailable(reason="no answer in time") from None


async def test_closing_ends_even_where_the_client_swallows_it() -> None:
    shared = Swallowing()
    cache = FallbackCache(shared, MemoryCache(1000), retry_seconds=0.01)
    assert await cache.get(CacheKind.SEARCH, "a") is None
    await shared.trying.wait()
    async with asyncio.timeout(5):
        await cache.close()
    await asyncio.sleep(0.05)
    assert shared.tried == 1
