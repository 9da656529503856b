"""`/admin/cache`: for administrators."""

from fastapi import APIRouter

from ragkeeper.http.caller import CurrentCaller
from ragkeeper.operations.caches.schemas import CacheView, Clearable, ClearedView, kinds_of
from ragkeeper.operations.caches.service import CacheService


def cache_routes(caches: CacheService) -> APIRouter:
    router = APIRouter(prefix="/admin", tags=["administration"])

    @router.get("/cache")
    async def cache_stats(caller: CurrentCaller) -> CacheView:
        """What the caches hold, and how often they had what they were asked for."""
        return CacheView.of(await caches.stats(caller))

    @router.delete("/cache")
    async def clear_cache(caller: CurrentCaller, kind: Clearable = "all") -> ClearedView:
        """Forget cached results and answers of this kind; sessions and limits stay."""
        return ClearedView.of(await caches.clear(caller, kinds_of(kind)))

    return router
