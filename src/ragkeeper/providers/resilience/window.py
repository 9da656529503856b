"""What the newest calls looked like: whether they should open a breaker, and the figures that are shown."""

from collections import deque
from dataclasses import dataclass

from ragkeeper.providers.resilience.models import BreakerPolicy, Cause

_REMEMBERED = 200
# So many calls tell whether a model is usually quick.
_TELLING = 5


@dataclass(frozen=True, slots=True)
class _Call:
    at: float
    failed: bool
    slow: bool


class CallWindow:
    """The calls since the breaker last changed, the newest `window_calls` of `window_seconds`.

    Slow calls are trouble only with a model that was quick before: one that always takes its time is well.
    """

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self._calls: deque[_Call] = deque()
        self._failed = 0
        self._slow = 0
        self._was_quick = False
        self.in_a_row = 0

    def add(self, now: float, *, failed: bool, slow: bool) -> Cause | None:
        """Count a call; returns why the breaker should open now, if it should."""
        self._calls.append(_Call(now, failed, slow))
        self._failed += failed
        self._slow += slow
        self.in_a_row = self.in_a_row + 1 if failed else 0
        while len(self._calls) > self._policy.window_calls or now - self._calls[0].at > self._policy.window_seconds:
            gone = self._calls.popleft()
            self._failed -= gone.failed
            self._slow -= gone.slow
        return self._verdict(failed=failed, slow=slow)

    def clear(self) -> None:
        self._calls.clear()
        self._failed = self._slow = self.in_a_row = 0

    def forget(self) -> None:
        """Begin as a new one, which also takes the times to come for the usual ones."""
        self.clear()
        self._was_quick = False

    def _verdict(self, *, failed: bool, slow: bool) -> Cause | None:
        """A good call opens nothing, even where the rate is above its limit only since older calls left the window."""
        if failed and self.in_a_row >= self._policy.failures:
            return Cause.IN_A_ROW
        total = len(self._calls)
        self._was_quick = self._was_quick or (total >= _TELLING and self._slow / total < self._policy.slow_rate / 2)
        if total < self._policy.minimum_calls:
            return None
        if failed and self._failed / total >= self._policy.failure_rate:
            return Cause.FAILURE_RATE
        if slow and self._was_quick and self._slow / total >= self._policy.slow_rate:
            return Cause.SLOW_CALLS
        return None


class Tally:
    """What is shown of a provider: it outlasts changes of the breaker."""

    def __init__(self) -> None:
        self._failed: deque[bool] = deque(maxlen=_REMEMBERED)
        self._seconds: deque[float] = deque(maxlen=_REMEMBERED)
        self.calls = 0
        self.last_success: float | None = None
        self.last_failure: float | None = None
        self.last_reason = ""

    def succeeded(self, now: float, seconds: float) -> None:
        self.calls += 1
        self._failed.append(False)
        self._seconds.append(seconds)
        self.last_success = now

    def failed(self, now: float, reason: str) -> None:
        self.calls += 1
        self._failed.append(True)
        self.last_failure, self.last_reason = now, reason

    @property
    def error_rate(self) -> float | None:
        return sum(self._failed) / len(self._failed) if self._failed else None

    def latency(self, share: float) -> float | None:
        """The latency that this share of the good calls did not exceed, in seconds."""
        ordered = sorted(self._seconds)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else None

    @property
    def failing(self) -> bool:
        """Whether the newest counted call failed."""
        return bool(self._failed) and self._failed[-1]
