"""A guard as a server has it, over the real clock."""

import time

from ragkeeper.providers.resilience.breaker import CircuitBreaker
from ragkeeper.providers.resilience.guard import Guard
from ragkeeper.providers.resilience.limit import CallLimit
from ragkeeper.providers.resilience.local import LocalCalls, LocalStates
from ragkeeper.providers.resilience.models import BreakerKey, BreakerPolicy
from ragkeeper.providers.resilience.retries import RetryBudget, RetryPolicy


def guard(
    provider: str, operation: str, *, per_minute: int | None = None, policy: BreakerPolicy | None = None
) -> Guard:
    key = BreakerKey(provider, "tiny", operation)
    return Guard(
        CircuitBreaker(key, policy or BreakerPolicy(), LocalStates()),
        CallLimit(key.name, per_minute, LocalCalls(), time.monotonic, queue_seconds=0.1),
        RetryBudget(RetryPolicy(), time.monotonic),
    )
