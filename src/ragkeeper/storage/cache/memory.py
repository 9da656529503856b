"""A cache inside the process, bounded in bytes and in entries: what was not used for longest makes room."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ragkeeper.storage.cache.port import DEFAULT_SECONDS, CacheKind, Entry, Usage

ENTRY_BYTES = 560
"""What an entry takes beside its value: key, bookkeeping, its place in the table. Measured in the tests."""

# One value may take this share of the room: a few giants must not push out everything else.
_LARGEST_SHARE = 8
_SWEPT = 8


@dataclass(frozen=True, slots=True)
class _Held:
    value: bytes
    set_at: float
    ends_at: float

    @property
    def size(self) -> int:
        return len(self.value) + ENTRY_BYTES


class MemoryCache:
    """clock: seconds that never go back."""

    name = "memory"

    def __init__(
        self, most_bytes: int, most_entries: int = 100_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most_bytes = most_bytes
        self._most_entries = most_entries
        self._clock = clock
        self._held: OrderedDict[tuple[CacheKind, str], _Held] = OrderedDict()
        self._bytes = 0

    async def get(self, kind: CacheKind, key: str) -> Entry | None:
        held = self._held.get((kind, key))
        if held is None:
            return None
        now = self._clock()
        if now >= held.ends_at:
            self._drop((kind, key))
            return None
        self._held.move_to_end((kind, key))
        return Entry(held.value, now - held.set_at)

    async def set(self, kind: CacheKind, key: str, value: bytes, seconds: float = DEFAULT_SECONDS) -> None:
        now = self._clock()
        held = _Held(value, now, now + seconds)
        self._drop((kind, key))
        if held.size * _LARGEST_SHARE > self._most_bytes:
            return
        self._held[kind, key] = held
        self._bytes += held.size
        self._make_room(now)

    async def delete(self, kind: CacheKind, key: str) -> None:
        self._drop((kind, key))

    async def clear(self, kind: CacheKind) -> int:
        found = [name for name in self._held if name[0] is kind]
        for name in found:
            self._drop(name)
        return len(found)

    async def usage(self) -> Mapping[CacheKind, Usage]:
        now = self._clock()
        return {kind: self._usage(kind, now) for kind in CacheKind}

    async def close(self) -> None:
        self._held.clear()
        self._bytes = 0

    def _usage(self, kind: CacheKind, now: float) -> Usage:
        live = [held for (of, _), held in self._held.items() if of is kind and held.ends_at > now]
        longest = max((held.ends_at - now for held in live), default=0.0)
        return Usage(len(live), sum(held.size for held in live), longest)

    def _make_room(self, now: float) -> None:
        """The least used go first; of those next in turn, what has expired goes too."""
        while self._bytes > self._most_bytes or len(self._held) > self._most_entries:
            self._drop(next(iter(self._held)))
        oldest = [name for name, _ in zip(self._held, range(_SWEPT), strict=False)]
        for name in oldest:
            if self._held[name].ends_at <= now:
                self._drop(name)

    def _drop(self, name: tuple[CacheKind, str]) -> None:
        held = self._held.pop(name, None)
        if held is not None:
            self._bytes -= held.size
