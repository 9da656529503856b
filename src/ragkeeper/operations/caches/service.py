"""Look at the caches and empty them."""

import asyncio
from collections.abc import Collection, Mapping

import structlog

from ragkeeper.core.access import Caller
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.operations.caches.models import CacheLimits, CacheStats, KindStats
from ragkeeper.storage.cache.port import Cache, CacheKind, CacheTally, Usage

_log = structlog.get_logger()


class CacheService:
    """Implements documents.ports.Copies."""

    def __init__(self, cache: Cache, tally: CacheTally, limits: CacheLimits) -> None:
        self._cache = cache
        self._tally = tally
        self._limits = limits
        self._forgetting: asyncio.Task[None] | None = None
        self._forget_again = False

    async def stats(self, caller: Caller) -> CacheStats:
        caller.require_admin("look at the caches")
        usage = await self._cache.usage()
        kinds = tuple(self._stats(kind, usage) for kind in CacheKind)
        return CacheStats(self._limits.used, self._cache.name, self._limits.bytes, kinds)

    async def clear(self, caller: Caller, kinds: Collection[CacheKind]) -> dict[CacheKind, int]:
        """Forget what these kinds hold, and nothing else: sessions and limits are no cache. Returns how many each."""
        caller.require_admin("clear the caches")
        return {kind: await self._cache.clear(kind) for kind in kinds}

    def forget(self) -> None:
        """In the background: a shared store may hold a million entries. What is asked meanwhile is done once more."""
        if not self._limits.used:
            return
        self._forget_again = True
        if self._forgetting is None or self._forgetting.done():
            self._forgetting = asyncio.create_task(self._forget(), name="forget caches")

    async def _forget(self) -> None:
        while self._forget_again:
            self._forget_again = False
            for kind in CacheKind:
                try:
                    await self._cache.clear(kind)
                except RagkeeperError as error:
                    _log.warning("cache_not_cleared", kind=kind.value, code=error.code, reason=error.message)

    async def close(self) -> None:
        if self._forgetting is not None:
            self._forgetting.cancel()
            await asyncio.gather(self._forgetting, return_exceptions=True)

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
