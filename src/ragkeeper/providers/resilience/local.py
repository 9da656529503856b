"""States and call logs of one process. Between two awaits nobody comes in between, so nothing is locked."""

import bisect
import itertools
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping

from ragkeeper.providers.resilience.models import BreakerKey, Record, Slot
from ragkeeper.providers.resilience.ports import Clock, Decide, Decision

# A minute, and a margin for calls that take different times on their way to the provider.
WINDOW = 60.5


class LocalStates:
    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._records: dict[BreakerKey, Record] = {}

    def now(self) -> float:
        return self._clock()

    def peek(self, key: BreakerKey) -> Record:
        return self._records.get(key) or Record()

    async def change(self, key: BreakerKey, decide: Decide[Decision]) -> tuple[Record, Record, Decision]:
        before = self.peek(key)
        after, decision = decide(before, self._clock())
        self._records[key] = after
        return before, after, decision

    def put(self, key: BreakerKey, record: Record) -> None:
        """As another process decided."""
        self._records[key] = record


class LocalCalls:
    """Keeps the begin of each call of the last window, those to come included, in order."""

    def __init__(
        self, clock: Clock = time.monotonic, window: float = WINDOW, slots: Iterator[int] | None = None
    ) -> None:
        self._clock = clock
        self._window = window
        self._calls: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
        self._ids = itertools.count(1) if slots is None else slots

    async def reserve(self, provider: str, limit: int, within: float) -> Slot:
        calls, now = self._current(provider)
        begin = max(now, calls[-limit][0] + self._window) if len(calls) >= limit else now
        if begin - now > within:
            return Slot(begin - now)
        slot = next(self._ids)
        self.enter(provider, begin, slot)
        return Slot(begin - now, slot)

    async def give_back(self, provider: str, slot: int) -> None:
        self._calls[provider] = [call for call in self._calls[provider] if call[1] != slot]

    def remaining(self, provider: str, limit: int) -> int:
        oldest = self._clock() - self._window
        return max(0, limit - sum(begin > oldest for begin, _ in tuple(self._calls.get(provider, ()))))

    def providers(self) -> frozenset[str]:
        return frozenset(self._calls)

    def enter(self, provider: str, begin: float, slot: int) -> None:
        """A call that was given its place, here or elsewhere."""
        bisect.insort(self._calls[provider], (begin, slot))

    def learn(self, provider: str, calls: Mapping[int, float]) -> None:
        """All calls that are known of, with when each begins."""
        self._calls[provider] = sorted((begin, slot) for slot, begin in calls.items())

    def _current(self, provider: str) -> tuple[list[tuple[float, int]], float]:
        now = self._clock()
        calls = self._calls[provider]
        del calls[: bisect.bisect_right(calls, (now - self._window, float("inf")))]
        return calls, now
