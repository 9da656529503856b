"""A clock that is set by hand, and guards made of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from ragkeeper.providers.resilience.breaker import CircuitBreaker
from ragkeeper.providers.resilience.guard import Guard, NotCalled, Wording
from ragkeeper.providers.resilience.limit import CallLimit
from ragkeeper.providers.resilience.local import LocalCalls, LocalStates
from ragkeeper.providers.resilience.models import (
    BreakerKey,
    BreakerPolicy,
    Judgement,
    Outcome,
    Permit,
    Transition,
)
from ragkeeper.providers.resilience.retries import RetryBudget, RetryPolicy

KEY = BreakerKey("groq", "llama", "chat")
POLICY = BreakerPolicy()


class Failed(Exception):
    """A call failed."""


class Throttled(Exception):
    """The provider asks for fewer calls."""


class Refused(Exception):
    """The provider refused the request."""


class NotMade(Exception):
    """The guard did not let a call through."""

    def __init__(self, found: NotCalled) -> None:
        super().__init__(found)
        self.found = found


def judge(error: BaseException) -> Judgement:
    if isinstance(error, Throttled):
        return Judgement(Outcome.THROTTLED, pause=error.args[0] if error.args else None)
    return Judgement(Outcome.FAILURE, may_pass=True) if isinstance(error, Failed) else Judgement(Outcome.IGNORED)


WORDING = Wording(judge, NotMade)


class HandClock:
    """`sleep` moves it."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time

    def move(self, seconds: float) -> None:
        self.time += seconds

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        await asyncio.sleep(0)


@dataclass
class Heard:
    """A listener that remembers."""

    changes: list[Transition] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    def changed(self, transition: Transition) -> None:
        self.changes.append(transition)

    def called(self, key: BreakerKey, outcome: Outcome, seconds: float) -> None:
        self.outcomes.append(outcome)

    @property
    def steps(self) -> list[str]:
        return [f"{one.before.value}-{one.after.value}" for one in self.changes]


def breaker(
    clock: HandClock,
    policy: BreakerPolicy = POLICY,
    heard: Heard | None = None,
    draw: Callable[[], float] = lambda: 0.0,
) -> CircuitBreaker:
    return CircuitBreaker(KEY, policy, LocalStates(clock), [heard] if heard else [], draw)


def guard(
    clock: HandClock, heard: Heard | None = None, *, per_minute: int | None = None, retries: int = 0, queue: float = 5.0
) -> Guard:
    limit = CallLimit(
        KEY.provider, per_minute, LocalCalls(clock), clock, queue_seconds=queue, queue_length=4, sleep=clock.sleep
    )
    budget = RetryBudget(RetryPolicy(attempts=retries + 1), clock, lambda: 0.0)
    return Guard(breaker(clock, heard=heard), limit, budget, listeners=[heard] if heard else [], sleep=clock.sleep)


async def calls(one: CircuitBreaker, *outcomes: Outcome, slow: bool = False) -> None:
    """Calls, one after the other; those that get no leave are not made."""
    for outcome in outcomes:
        permit = await one.admit()
        if isinstance(permit, Permit):
            await one.settle(permit, outcome, slow=slow, reason="status 503" if outcome is Outcome.FAILURE else "")
