"""States and call logs of one process. Between two awaits nobody comes in between, so nothing is locked."""

import bisect
import itertools
import time
from collections import defaultdict

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


class LocalCalls:
    """Keeps the begin of each call of the last window, those to come included, in order."""

    def __init__(self, clock: Clock = time.monotonic, window: float = WINDOW) -> None:
        self._clock = clock
        self._window = window
        self._calls: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
        self._ids = itertools.count(1)

    async def reserve(self, provider: str, limit: int, within: float) -> Slot:
        calls, now = self._current(provider)
        begin = max(now, calls[-limit][0] + self._window) if len(calls) >= limit else now
        if begin - now > within:
            return Slot(begin - now)
        slot = next(self._ids)
        bisect.insort(calls, (begin, slot))
        return Slot(begin - now, slot)

    async def give_back(self, provider: str, slot: int) -> None:
        self._calls[provider] = [call for call in self._calls[provider] if call[1] != slot]

    def remaining(self, provider: str, limit: int) -> int:
        oldest = self._clock() - self._window
        return max(0, limit - sum(begin > oldest for begin, _ in tuple(self._calls.get(provider, ()))))

    def _current(self, provider: str) -> tuple[list[tuple[float, int]], float]:
        now = self._clock()
        calls = self._calls[provider]
        del calls[: bisect.bisect_right(calls, (now - self._window, float("inf")))]
        return calls, now
