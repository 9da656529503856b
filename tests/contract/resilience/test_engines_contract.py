"""What breakers and limits are promised, whoever keeps their states."""

import asyncio
import time

import pytest

from ragkeeper.providers.resilience.breaker import CircuitBreaker
from ragkeeper.providers.resilience.limit import CallLimit
from ragkeeper.providers.resilience.models import Act, BreakerKey, BreakerPolicy, Outcome, Permit, Record, State
from tests.contract.resilience.conftest import Engines

KEY = BreakerKey("groq", "llama", "chat")
POLICY = BreakerPolicy(open_seconds=0.05, trials=3, jitter=0)
Pair = tuple[Engines, Engines]


def breaker(engines: Engines, policy: BreakerPolicy = POLICY) -> CircuitBreaker:
    return CircuitBreaker(KEY, policy, engines.states)


def breakers(pair: Pair, policy: BreakerPolicy = POLICY) -> tuple[CircuitBreaker, CircuitBreaker]:
    return breaker(pair[0], policy), breaker(pair[1], policy)


async def fail(one: CircuitBreaker, times: int = 5) -> None:
    for _ in range(times):
        permit = await one.admit()
        assert isinstance(permit, Permit)
        await one.settle(permit, Outcome.FAILURE, reason="status 503")


async def until(one: CircuitBreaker, state: State) -> None:
    end = time.monotonic() + 10
    while one.state is not state:
        assert time.monotonic() < end, one.record
        await asyncio.sleep(0.005)


async def half_open(pair: Pair, policy: BreakerPolicy = POLICY) -> tuple[CircuitBreaker, CircuitBreaker]:
    one, other = breakers(pair, policy)
    await fail(one)
    await until(other, State.HALF_OPEN)
    await until(one, State.HALF_OPEN)
    return one, other


async def test_a_record_changes_as_decided_for_all(pair: Pair) -> None:
    one, other = pair[0].states, pair[1].states
    assert one.peek(KEY) == Record()
    before, after, told = await one.change(KEY, lambda _, now: (Record(State.OPEN, since=now, epoch=1), "told"))
    assert (before, after.state, told) == (Record(), State.OPEN, "told")
    _, seen, age = await other.change(KEY, lambda record, now: (record, now - record.since))
    assert (seen.state, seen.epoch) == (State.OPEN, 1)
    assert 0 <= age + 0.01 < 5


async def test_what_one_opens_is_open_in_the_other_and_closes_in_both(pair: Pair) -> None:
    one, other = await half_open(pair)
    assert other.record.reason == "status 503"
    for who in (one, other, one):
        permit = await who.admit()
        assert isinstance(permit, Permit)
        await who.settle(permit, Outcome.SUCCESS)
    await until(one, State.CLOSED)
    await until(other, State.CLOSED)


async def test_what_is_held_by_hand_is_held_everywhere(pair: Pair) -> None:
    one, other = breakers(pair)
    await one.act(Act.OPEN)
    await until(other, State.OPEN)
    assert other.record.held
    await other.act(Act.CLOSE)
    await until(one, State.CLOSED)


async def test_exact_permits_for_a_thousand_calls_at_once(pair: Pair) -> None:
    both = await half_open(pair)
    found = await asyncio.gather(*(both[i % 2].admit() for i in range(1000)))
    permits = [one for one in found if isinstance(one, Permit)]
    assert len({one.trial for one in permits}) == len(permits) == POLICY.trials
    for permit in permits:
        await both[1].settle(permit, Outcome.IGNORED)
    again = await asyncio.gather(*(both[i % 2].admit() for i in range(100)))
    assert sum(isinstance(one, Permit) for one in again) == POLICY.trials


async def test_callers_who_leave_give_their_permits_back(pair: Pair) -> None:
    one, other = await half_open(pair)
    made = 0

    async def call() -> None:
        nonlocal made
        permit = await one.admit()
        if isinstance(permit, Permit):
            made += 1
            try:
                await asyncio.sleep(60)
            finally:
                await one.settle(permit, Outcome.IGNORED)

    for seconds in (0, 0.0002, 0.0005, 0.001, 0.01):
        tasks = [asyncio.create_task(call()) for _ in range(4)]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert [end for end in ends if not isinstance(end, asyncio.CancelledError | None)] == []
    assert made
    found = [await other.admit() for _ in range(POLICY.trials + 1)]
    assert [isinstance(one, Permit) for one in found] == [True] * POLICY.trials + [False]


async def test_a_time_limit_of_the_caller_stays_one(pair: Pair) -> None:
    one, _ = await half_open(pair)

    async def call() -> None:
        async with asyncio.timeout(0):
            await one.admit()
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        await call()


async def test_permits_of_a_process_that_died_expire(pair: Pair) -> None:
    one, other = await half_open(pair, BreakerPolicy(open_seconds=0.05, trials=3, trial_seconds=0.5, jitter=0))
    assert all([isinstance(await one.admit(), Permit) for _ in range(3)])
    assert not isinstance(await other.admit(), Permit)
    await asyncio.sleep(0.55)
    assert isinstance(await other.admit(), Permit)


async def test_twenty_eight_calls_a_minute_over_two_logs(pair: Pair) -> None:
    limits = [CallLimit("groq", 28, one.calls, one.states.now) for one in pair]
    slots = await asyncio.gather(*(pair[i % 2].calls.reserve("groq", 28, 0) for i in range(200)))
    given = [slot.id for slot in slots if slot.id is not None]
    assert len(set(given)) == len(given) == 28
    assert all(58 < slot.wait <= 60.5 for slot in slots if slot.id is None)
    end = time.monotonic() + 10
    while [one.remaining for one in limits] != [0, 0]:
        assert time.monotonic() < end
        await asyncio.sleep(0.005)
    await pair[0].calls.give_back("groq", given[0])
    assert [(await pair[1].calls.reserve("groq", 28, 0)).id is None for _ in range(2)] == [False, True]
    assert (await pair[1].calls.reserve("another", 28, 0)).wait == 0


async def test_whoever_queues_is_not_overtaken(pair: Pair) -> None:
    asked = [await pair[i % 2].calls.reserve("groq", 1, 200) for i in range(3)]
    assert [round(slot.wait) for slot in asked] == [0, 60, 121] or [round(slot.wait) for slot in asked] == [0, 60, 120]
