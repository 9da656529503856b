"""When a failed call is made once more: seldom, after a pause, and never so often that an outage grows by it."""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ragkeeper.providers.resilience.ports import Clock


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """attempts: at most, the first one counted. Pauses double from `first_pause` to `longest_pause`, half of it random.

    share: retries among the calls of the last `window` seconds, `floor` of them in any case.
    """

    attempts: int = 3
    first_pause: float = 0.2
    longest_pause: float = 2.0
    share: float = 0.1
    floor: int = 1
    window: float = 60.0


class RetryBudget:
    """Counts calls and retries of one provider."""

    def __init__(self, policy: RetryPolicy, clock: Clock, draw: Callable[[], float] = random.random) -> None:
        self.policy = policy
        self._clock = clock
        self._draw = draw
        self._calls: deque[float] = deque()
        self._retries: deque[float] = deque()

    def count_call(self) -> None:
        self._calls.append(self._clock())
        self._forget()

    def spend(self, attempts: int) -> bool:
        """Whether a call that was tried `attempts` times may be tried again; the retry is counted then."""
        self._forget()
        allowed = max(self.policy.floor, int(len(self._calls) * self.policy.share))
        if attempts >= self.policy.attempts or len(self._retries) >= allowed:
            return False
        self._retries.append(self._clock())
        return True

    def pause(self, attempts: int) -> float:
        """Seconds to wait before the next attempt."""
        longest = min(self.policy.first_pause * 2.0 ** (attempts - 1), self.policy.longest_pause)
        return float(longest * (0.5 + 0.5 * self._draw()))

    def _forget(self) -> None:
        oldest = self._clock() - self.policy.window
        for times in (self._calls, self._retries):
            while times and times[0] <= oldest:
                times.popleft()
