import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis.strategies import floats, integers, lists

from ragkeeper.providers.resilience.limit import CallLimit, LimitReached
from ragkeeper.providers.resilience.local import LocalCalls
from tests.unit.providers.resilience.stage import HandClock


def limit(clock: HandClock, per_minute: int | None = 28, queue: float = 5.0, length: int = 4) -> CallLimit:
    return CallLimit(
        "groq", per_minute, LocalCalls(clock), clock, queue_seconds=queue, queue_length=length, sleep=clock.sleep
    )


async def test_without_a_limit_calls_are_made_at_once() -> None:
    clock = HandClock()
    one = limit(clock, per_minute=None)
    for _ in range(1000):
        assert await one.take() is None
    assert one.remaining is None


async def test_no_more_calls_than_the_limit_and_then_it_says_when() -> None:
    clock = HandClock()
    one = limit(clock)
    for left in range(28, 0, -1):
        assert one.remaining == left
        await one.take()
        clock.move(1)
    with pytest.raises(LimitReached) as reached:
        await one.take()
    assert reached.value.wait == pytest.approx(60.5 - 28)
    assert one.remaining == 0
    clock.move(60.5)
    assert one.remaining == 28


async def test_a_call_waits_briefly_for_its_turn() -> None:
    clock = HandClock()
    one = limit(clock, per_minute=1)
    await one.take()
    clock.move(58)
    began = clock()
    await one.take()
    assert clock() - began == pytest.approx(2.5)


async def test_no_more_wait_than_there_is_room_for() -> None:
    clock = HandClock()
    one = CallLimit("groq", 28, LocalCalls(clock), clock, queue_length=4)
    one.pause(1)
    waiting = [asyncio.create_task(one.take()) for _ in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(LimitReached):
        await one.take()
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert one.remaining == 28


async def test_whoever_leaves_the_queue_gives_the_place_back() -> None:
    clock = HandClock()
    one = CallLimit("groq", 1, LocalCalls(clock), clock)
    await one.take()
    clock.move(58)
    waiting = asyncio.create_task(one.take())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    clock.move(2.5)
    assert one.remaining == 1


async def test_no_call_before_the_provider_wants_one() -> None:
    clock = HandClock()
    one = limit(clock, per_minute=None)
    one.pause(30)
    with pytest.raises(LimitReached) as reached:
        await one.take()
    assert reached.value.wait == pytest.approx(30)
    clock.move(27)
    await one.take()
    assert one.paused_for == 0
    one.pause(float("inf"))
    assert one.paused_for == 86_400
    one.resume()
    await one.take()


async def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    one = limit(HandClock())
    one.pause(30)
    one.pause(1)
    assert one.paused_for == 30


async def test_whoever_queued_before_a_pause_waits_for_its_end() -> None:
    clock = HandClock()
    one = limit(clock, per_minute=1, queue=20)
    await one.take()
    clock.move(55)

    async def pause() -> None:
        one.pause(12)

    began = clock()
    await asyncio.gather(one.take(), pause())
    assert clock() - began >= 12


@settings(max_examples=60)
@given(lists(floats(0, 30), min_size=1, max_size=60), integers(1, 5))
def test_in_no_window_of_a_minute_are_there_more(pauses: list[float], per_minute: int) -> None:
    clock = HandClock()
    one = limit(clock, per_minute=per_minute, queue=20)
    made = []

    async def call() -> None:
        for pause in pauses:
            clock.move(pause)
            try:
                await one.take()
            except LimitReached:
                continue
            made.append(clock())

    asyncio.run(call())
    assert made
    assert all(later - earlier > 60 for earlier, later in zip(made, made[per_minute:], strict=False))
    assert all(earlier <= later for earlier, later in pairwise(made))
