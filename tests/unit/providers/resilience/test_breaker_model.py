"""The breaker against a model of a few lines that knows only what the guides promise."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.strategies import floats, integers

from ragkeeper.providers.resilience.models import Act, BreakerPolicy, Outcome, Permit, State
from tests.unit.providers.resilience.stage import HandClock, breaker

Result = TypeVar("Result")
# Rates have tests of their own; without them five in a row is all that opens it.
POLICY = BreakerPolicy(failure_rate=2.0, slow_rate=2.0, jitter=0.0, trial_seconds=1e9)


class BreakerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = HandClock()
        self.breaker = breaker(self.clock, POLICY)
        self.running: list[tuple[Permit, int]] = []
        self.state, self.age = State.CLOSED, 0
        self.in_a_row = self.passed = self.openings = 0
        self.until: float | None = None
        self.closed_at = 0.0

    def teardown(self) -> None:
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.loop.run_until_complete(work)

    def enter(self, state: State) -> None:
        self.state, self.in_a_row, self.passed = state, 0, 0
        self.age += 1

    def open(self) -> None:
        soon = self.state is not State.CLOSED or self.clock() - self.closed_at < 300
        self.openings = self.openings + 1 if soon else 1
        self.until = self.clock() + min(30 * 2 ** min(self.openings - 1, 10), 300)
        self.enter(State.OPEN)

    def trials(self) -> list[tuple[Permit, int]]:
        return [one for one in self.running if one[1] == self.age] if self.state is State.HALF_OPEN else []

    @rule()
    def ask(self) -> None:
        if self.state is State.OPEN and self.until is not None and self.clock() >= self.until:
            self.enter(State.HALF_OPEN)
        allowed = self.state is State.CLOSED or (self.state is State.HALF_OPEN and len(self.trials()) < 3)
        found = self.run(self.breaker.admit())
        assert isinstance(found, Permit) is allowed
        if isinstance(found, Permit):
            self.running.append((found, self.age))

    @precondition(lambda self: self.running)
    @rule(place=integers(0, 100), outcome=integers(0, 3))
    def end(self, place: int, outcome: int) -> None:
        permit, age = self.running.pop(place % len(self.running))
        kind = list(Outcome)[outcome]
        self.run(self.breaker.settle(permit, kind))
        if age != self.age:
            return
        if self.state is State.CLOSED:
            self.count(kind)
        elif kind is Outcome.FAILURE:
            self.open()
        elif kind is Outcome.SUCCESS:
            self.passed += 1
            if self.passed == 3:
                self.enter(State.CLOSED)
                self.closed_at = self.clock()

    def count(self, kind: Outcome) -> None:
        if kind is Outcome.SUCCESS:
            self.in_a_row = 0
        elif kind is Outcome.FAILURE:
            self.in_a_row += 1
            if self.in_a_row == 5:
                self.open()

    @rule()
    def fail_five_times(self) -> None:
        for _ in range(5):
            if self.state is State.CLOSED:
                self.ask()
                self.end(len(self.running) - 1, list(Outcome).index(Outcome.FAILURE))

    @rule()
    def recover(self) -> None:
        self.wait_until_due()
        for _ in range(3):
            before = len(self.running)
            self.ask()
            if len(self.running) > before:
                self.end(before, list(Outcome).index(Outcome.SUCCESS))

    @rule(seconds=floats(0, 400))
    def wait(self, seconds: float) -> None:
        self.clock.move(seconds)

    @rule()
    def wait_until_due(self) -> None:
        if self.state is State.OPEN and self.until is not None:
            self.clock.time = max(self.clock.time, self.until)

    @rule(what=integers(0, 8))
    def by_hand(self, what: int) -> None:
        acts = list(Act)
        if what >= len(acts):
            return
        self.run(self.breaker.act(acts[what]))
        if acts[what] is Act.OPEN:
            self.until = None
            self.enter(State.OPEN)
        elif acts[what] is Act.CLOSE:
            self.openings, self.closed_at = 0, self.clock()
            self.enter(State.CLOSED)
        elif self.state is State.OPEN and self.until is None:
            self.enter(State.HALF_OPEN)

    @invariant()
    def agrees(self) -> None:
        due = self.state is State.OPEN and self.until is not None and self.clock() >= self.until
        assert self.breaker.state is (State.HALF_OPEN if due else self.state)
        assert len(self.breaker.record.trials) == len(self.trials())


TestBreakerMachine = BreakerMachine.TestCase
TestBreakerMachine.settings = settings(max_examples=40, stateful_step_count=40)
