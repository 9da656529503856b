"""What crosses HTTP about caches."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel

from ragkeeper.operations.caches.models import CacheStats, KindStats
from ragkeeper.storage.cache.port import CacheKind

Clearable = Literal["search", "answer", "semantic", "responses", "all"]
"""`responses`: answers, and the questions that they are given to again."""


def kinds_of(name: Clearable) -> list[CacheKind]:
    if name == "all":
        return list(CacheKind)
    return [CacheKind.ANSWER, CacheKind.SEMANTIC] if name == "responses" else [CacheKind(name)]


class KindView(BaseModel):
    """seconds: how long an entry is kept at most; longest_seconds: until the last of those there are expires."""

    kind: str
    hits: int
    misses: int
    hit_rate: float | None
    entries: int
    bytes: int
    seconds: float | None
    longest_seconds: float

    @classmethod
    def of(cls, stats: KindStats) -> Self:
        return cls(
            kind=stats.kind.value,
            hits=stats.hits,
            misses=stats.misses,
            hit_rate=None if stats.hit_rate is None else round(stats.hit_rate, 4),
            entries=stats.entries,
            bytes=stats.bytes,
            seconds=stats.seconds,
            longest_seconds=stats.longest_seconds,
        )


class CacheView(BaseModel):
    """enabled: RAG_USE_CACHE; store: where values are now, `memory` or `redis`."""

    enabled: bool
    store: str
    limit_bytes: int
    kinds: list[KindView]

    @classmethod
    def of(cls, stats: CacheStats) -> Self:
        kinds = [KindView.of(kind) for kind in stats.kinds]
        return cls(enabled=stats.used, store=stats.store, limit_bytes=stats.limit_bytes, kinds=kinds)


class ClearedView(BaseModel):
    """How many entries were forgotten, by kind and together."""

    cleared: dict[str, int]
    entries: int

    @classmethod
    def of(cls, cleared: Mapping[CacheKind, int]) -> Self:
        return cls(cleared={kind.value: number for kind, number in cleared.items()}, entries=sum(cleared.values()))
