"""Results of searches, kept for equal questions of the same access to the same documents.

The key holds everything that a result depends on, the documents' version among it: after a change the same question
has another key, and nothing has to be looked for and removed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from ragkeeper.retrieval.models import Scope, SearchRequest, SearchResult
from ragkeeper.storage.cache.port import Cache, CacheKind, CacheTally

_STORED = TypeAdapter(SearchResult)


class SearchCache:
    """settings: a digest of what changes results and is not in a request; seconds: how long a result is kept."""

    def __init__(self, cache: Cache, tally: CacheTally, settings: str, seconds: float) -> None:
        self._cache = cache
        self._tally = tally
        self._settings = settings
        self._seconds = seconds

    def key(self, scope: Scope, request: SearchRequest) -> str:
        parts = {
            "query": request.query.strip(),
            "top_k": request.top_k,
            "mode": request.mode.value,
            "metadata": dict(request.metadata),
            "history": list(request.history),
        }
        return digest(scope, self._settings, parts)

    async def find(self, key: str) -> SearchResult | None:
        """What was kept under the key; `cached_seconds` says when. It is not counted yet: see `counted`."""
        entry = await self._cache.get(CacheKind.SEARCH, key)
        if entry is None:
            return None
        try:
            stored = _STORED.validate_json(entry.value)
        except ValidationError:
            return None  # whoever wrote that: it is no result
        return replace(stored, timings_ms={}, cached_seconds=round(entry.age, 3))

    def counted(self, *, hit: bool) -> None:
        self._tally.count(CacheKind.SEARCH, hit=hit)

    async def keep(self, key: str, result: SearchResult) -> None:
        """One with notes, or not reranked, is not kept: what was left out on the way may be there the next time."""
        if not result.notes and not result.without_reranking:
            await self._cache.set(CacheKind.SEARCH, key, _STORED.dump_json(result), self._seconds)

    async def drop(self, key: str) -> None:
        await self._cache.delete(CacheKind.SEARCH, key)


def digest(scope: Scope, settings: str, parts: Mapping[str, object]) -> str:
    """A key of these parts within the scope: equal for equal ones, and for no others."""
    whole = {
        "collections": sorted(scope.collection_ids),
        "version": scope.version,
        "generation": scope.generation,
        "settings": settings,
        **parts,
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
