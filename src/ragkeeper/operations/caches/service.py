"""Look at the caches and empty them."""

from collections.abc import Collection, Mapping

from ragkeeper.core.access import Caller
from ragkeeper.operations.caches.models import CacheLimits, CacheStats, KindStats
from ragkeeper.storage.cache.port import Cache, CacheKind, CacheTally, Usage


class CacheService:
    def __init__(self, cache: Cache, tally: CacheTally, limits: CacheLimits) -> None:
        self._cache = cache
        self._tally = tally
        self._limits = limits

    async def stats(self, caller: Caller) -> CacheStats:
        caller.require_admin("look at the caches")
        usage = await self._cache.usage()
        kinds = tuple(self._stats(kind, usage) for kind in CacheKind)
        return CacheStats(self._limits.used, self._cache.name, self._limits.bytes, kinds)

    async def clear(self, caller: Caller, kinds: Collection[CacheKind]) -> dict[CacheKind, int]:
        """Forget what these kinds hold, and nothing else: sessions and limits are no cache. Returns how many each."""
        caller.require_admin("clear the caches")
        return {kind: await self._cache.clear(kind) for kind in kinds}

    def _stats(self, kind: CacheKind, usage: Mapping[CacheKind, Usage]) -> KindStats:
        return KindStats(
            kind=kind,
            hits=self._tally.hits(kind),
            misses=self._tally.misses(kind),
            entries=usage[kind].entries,
            bytes=usage[kind].bytes,
            seconds=self._limits.seconds.get(kind),
            longest_seconds=round(usage[kind].longest_seconds, 1),
        )
