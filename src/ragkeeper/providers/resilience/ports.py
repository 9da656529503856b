"""What breakers and limits need: states and call logs that one process keeps, or many share; somebody who is told."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from ragkeeper.providers.resilience.models import BreakerKey, Outcome, Record, Slot, Transition

Clock = Callable[[], float]
"""Seconds that only ever go forward."""
Decision = TypeVar("Decision")
Decide = Callable[[Record, float], tuple[Record, Decision]]
"""From the record and the time to the next record and what was decided. Pure: it may be asked more than once."""


class StateStore(Protocol):
    """Breaker records by key. Where processes share them, the times in a record are those of the store's one clock."""

    def now(self) -> float:
        """The store's clock."""
        ...

    def peek(self, key: BreakerKey) -> Record:
        """The record as it is known here, without waiting; another process may have changed it a moment ago."""
        ...

    async def change(self, key: BreakerKey, decide: Decide[Decision]) -> tuple[Record, Record, Decision]:
        """Apply a decision as one step that nobody comes between; the record before, after, and the decision.

        Must not lose a decision when its caller is cancelled, and must answer when the shared place is away: each
        process then decides for itself.
        """
        ...


class CallLog(Protocol):
    """When calls to a provider were made or will be: at most `limit` in any window of time, over all who share it."""

    async def reserve(self, provider: str, limit: int, within: float) -> Slot:
        """The next free place, first come first served, when it is free within that many seconds."""
        ...

    async def give_back(self, provider: str, slot: int) -> None:
        """The call was not made after all."""
        ...

    def remaining(self, provider: str, limit: int) -> int:
        """Calls that could be made at once, as it is known here; may be asked from any thread."""
        ...


class Listener(Protocol):
    """Is told, and neither raises nor waits."""

    def changed(self, transition: Transition) -> None: ...

    def called(self, key: BreakerKey, outcome: Outcome, seconds: float) -> None:
        """A call ended; `seconds` until its first piece, or until its end when none came."""
        ...
