"""What every cache offers. A value may be gone at any moment; one that is there is the one that was set last."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class CacheKind(StrEnum):
    """What is kept apart from everything else: counted, limited in time and cleared by itself."""

    SEARCH = "search"
    ANSWER = "answer"
    SEMANTIC = "semantic"

    @property
    def prefix(self) -> str:
        """How its keys begin in a store that others use too; nothing else there begins so."""
        return _PREFIXES[self]


_PREFIXES = {
    CacheKind.SEARCH: "vector_search:",
    CacheKind.ANSWER: "llm_response:",
    CacheKind.SEMANTIC: "llm_similar:",
}


DEFAULT_SECONDS = 300.0
"""How long a value is kept of which nothing else is said, as in the operations guides."""


@dataclass(frozen=True, slots=True)
class Entry:
    """age: seconds since it was set."""

    value: bytes
    age: float


@dataclass(frozen=True, slots=True)
class Usage:
    """bytes: what its entries take, as far as the store can tell; longest_seconds: until the last of them expires."""

    entries: int
    bytes: int
    longest_seconds: float


@dataclass(frozen=True, slots=True)
class ServerUse:
    """What a server of caches says of itself. memory: bytes, most_memory: 0 without a limit; keys since it began."""

    memory: int
    most_memory: int
    clients: int
    hits: int
    misses: int
    evicted: int


class Cache(Protocol):
    """Keys are hexadecimal digests; a kind and a key name one entry."""

    @property
    def name(self) -> str:
        """Where values are now: `memory` or `redis`."""
        ...

    async def get(self, kind: CacheKind, key: str) -> Entry | None:
        """None when it was never set, has expired, was deleted or cleared, or had to make room."""
        ...

    async def set(self, kind: CacheKind, key: str, value: bytes, seconds: float = DEFAULT_SECONDS) -> None:
        """Keep it for at most `seconds`; in place of what was there. One that has no room is not kept."""
        ...

    async def delete(self, kind: CacheKind, key: str) -> None: ...

    async def clear(self, kind: CacheKind) -> int:
        """Forget every entry of the kind and of no other; returns how many there were."""
        ...

    async def usage(self) -> Mapping[CacheKind, Usage]:
        """What each kind holds now; expired entries are not counted."""
        ...

    async def close(self) -> None: ...


class SharedCache(Cache, Protocol):
    """A cache outside of the process, which can be away: its methods raise CacheUnavailable then."""

    async def server(self) -> ServerUse:
        """Whatever it is used for, by whomever."""
        ...

    async def renew(self) -> None:
        """Everything that was set before is removed, whatever happened meanwhile. Proves that it reads and writes.

        Raises CacheUnavailable.
        """
        ...


Observer = Callable[[CacheKind, bool], None]
"""Told of each question to a cache: of which kind, and whether it was a hit."""


class CacheTally:
    """How often each kind had what it was asked for. Counts since the process began. observers: whoever else counts."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers
        self._hits: Counter[CacheKind] = Counter()
        self._misses: Counter[CacheKind] = Counter()

    def count(self, kind: CacheKind, *, hit: bool) -> None:
        (self._hits if hit else self._misses)[kind] += 1
        for observer in self._observers:
            observer(kind, hit)

    def hits(self, kind: CacheKind) -> int:
        return self._hits[kind]

    def misses(self, kind: CacheKind) -> int:
        return self._misses[kind]
