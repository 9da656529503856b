"""A circuit breaker: asked for leave before each call, told how each ended. Nothing is held while a call runs."""

import random
from collections.abc import Callable, Sequence

from ragkeeper.providers.resilience import rules
from ragkeeper.providers.resilience.models import (
    Act,
    BreakerKey,
    BreakerPolicy,
    Ended,
    Outcome,
    Permit,
    Record,
    Refusal,
    State,
    Transition,
)
from ragkeeper.providers.resilience.ports import Decide, Decision, Listener, StateStore
from ragkeeper.providers.resilience.window import CallWindow


class CircuitBreaker:
    """One per key. The state is in the store; the window of calls is this process's own.

    draw: random numbers of [0, 1) for the times open, so that processes do not try again all at once.
    """

    def __init__(
        self,
        key: BreakerKey,
        policy: BreakerPolicy,
        states: StateStore,
        listeners: Sequence[Listener] = (),
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.key = key
        self.policy = policy
        self._states = states
        self._listeners = listeners
        self._draw = draw
        self._window = CallWindow(policy)
        self._epoch = states.peek(key).epoch
        self._made = states.now()

    def now(self) -> float:
        return self._states.now()

    @property
    def record(self) -> Record:
        return self._states.peek(self.key)

    @property
    def since(self) -> float:
        """When it came into its state: closed since it was made, if it never changed; else not working since."""
        record = self.record
        return max(record.since, self._made) if record.state is State.CLOSED else record.opened

    @property
    def state(self) -> State:
        return rules.state_at(self.record, self.now())

    def refusal(self) -> Refusal | None:
        """Whether a call would be refused now; takes nothing."""
        return rules.refusal(self.record, self.policy, self.now())

    async def admit(self) -> Permit | Refusal:
        """Leave for one call. Each permit must come back through `settle`, whatever happens."""
        record = self.record
        if record.state is State.CLOSED:
            return Permit(record.epoch)
        return await self._change(lambda known, now: rules.admit(known, self.policy, now))

    async def settle(self, permit: Permit, outcome: Outcome, *, slow: bool = False, reason: str = "") -> None:
        ended = self._judged(permit, outcome, slow=slow, reason=reason)
        if permit.trial is None and ended.verdict is None:
            return
        await self._change(lambda known, now: (rules.settle(known, self.policy, permit, ended, now), None))

    async def act(self, what: Act) -> None:
        await self._change(lambda known, now: (rules.act(known, what, now), None))
        if what is Act.CLOSE:
            self._window.forget()

    async def look(self) -> Record:
        """The record, half-open already when its time is up although no call came."""
        if self.state is not self.record.state:
            await self._change(lambda known, now: (rules.wait_over(known, now), None))
        return self.record

    def _judged(self, permit: Permit, outcome: Outcome, *, slow: bool, reason: str) -> Ended:
        """The call as an ending, with what the window says: only calls of the state that is now count there."""
        verdict = None
        if self._epoch != (epoch := self.record.epoch):
            self._window.clear()
            self._epoch = epoch
        counted = outcome in {Outcome.SUCCESS, Outcome.FAILURE}
        if counted and permit.epoch == epoch:
            verdict = self._window.add(self.now(), failed=outcome is Outcome.FAILURE, slow=slow)
        return Ended(outcome, slow, reason, verdict, self._draw())

    async def _change(self, decide: Decide[Decision]) -> Decision:
        before, after, decision = await self._states.change(self.key, decide)
        if before.state is not after.state and after.cause is not None:
            transition = Transition(self.key, before.state, after.state, after.cause, after.reason)
            for listener in self._listeners:
                listener.changed(transition)
        return decision
