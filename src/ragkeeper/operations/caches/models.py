"""What the caches hold and how often they were of use."""

from collections.abc import Mapping
from dataclasses import dataclass

from ragkeeper.storage.cache.port import CacheKind


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """used: whether the settings ask for caches at all; bytes: most inside the process; seconds: longest by kind."""

    used: bool
    bytes: int
    seconds: Mapping[CacheKind, float]


@dataclass(frozen=True, slots=True)
class KindStats:
    """hits, misses: since the server began. bytes: of its entries; longest_seconds: until the last of them expires."""

    kind: CacheKind
    hits: int
    misses: int
    entries: int
    bytes: int
    seconds: float | None
    longest_seconds: float

    @property
    def hit_rate(self) -> float | None:
        asked = self.hits + self.misses
        return self.hits / asked if asked else None


@dataclass(frozen=True, slots=True)
class CacheStats:
    """store: where values are now, `memory` or `redis`."""

    used: bool
    store: str
    limit_bytes: int
    kinds: tuple[KindStats, ...]
