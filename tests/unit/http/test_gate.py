"""Who is let in, who waits and for how long, who is turned away: with a clock that only the test moves."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.http.gate import Gate
from ragkeeper.http.limit import AdaptiveLimit, LimitRules


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def gate(at_once: int = 2, clock: Clock | None = None) -> Gate:
    return Gate(AdaptiveLimit(LimitRules(at_once, at_once, at_once, 2.0)), 0.05, clock or Clock())


async def test_as_many_as_the_limit_enter_at_once() -> None:
    one = gate()
    assert [await one.enter(may_wait=False) for _ in range(3)] == [True, True, False]
    one.leave(0.01)
    assert await one.enter(may_wait=False)


async def test_in_a_burst_one_waits_until_another_leaves() -> None:
    one = gate()
    await one.enter()
    await one.enter()
    third = asyncio.create_task(one.enter())
    await asyncio.sleep(0)
    assert not third.done()
    one.leave(0.01)
    assert await third
    assert one.at_once == 2
    assert not one.pressed


async def test_who_waits_too_long_is_turned_away_and_the_next_ones_wait_no_longer() -> None:
    one = gate()
    await one.enter()
    await one.enter()
    assert not await one.enter()
    assert one.pressed
    assert not await one.enter()
    assert one.at_once == 2


async def test_strangers_who_are_turned_away_do_not_prolong_the_pressure() -> None:
    """Else twenty requests a second without a key would keep uploads out for ever."""
    clock = Clock()
    one = gate(1, clock)
    await one.enter()
    assert not await one.enter()
    clock.now += 0.9
    assert one.pressed
    assert not await one.enter(may_wait=False)
    clock.now += 0.2
    assert not one.pressed


async def test_the_queue_has_an_end() -> None:
    one = gate(1)
    await one.enter()
    waiting = [asyncio.create_task(one.enter()) for _ in range(80)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    refused = [task for task in waiting if task.done()]
    assert len(refused) == 16
    assert not any(task.result() for task in refused)
    for _ in range(65):
        one.leave(0.01)
        await asyncio.sleep(0)
    assert [await task for task in waiting].count(True) == 64
    assert one.at_once == 0


async def test_when_more_keep_coming_those_who_wait_since_before_are_turned_away_too() -> None:
    clock = Clock()
    one = Gate(AdaptiveLimit(LimitRules(1, 1, 1, 2.0)), patience=60, clock=clock)
    await one.enter()
    waiting = [asyncio.create_task(one.enter()) for _ in range(80)]
    await asyncio.sleep(0)
    assert not await one.enter()
    assert not [task for task in waiting[:64] if task.done()], "it may have been a burst"
    clock.now += 0.2
    assert not await one.enter()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [task.result() for task in waiting if task.done()] == [False] * 79
    one.leave(0.01)
    assert await waiting[63], "the last who came in time"
    one.leave(0.01)
    assert one.at_once == 0


async def test_who_goes_away_the_moment_it_is_turned_away_gives_no_place_on() -> None:
    clock = Clock()
    one = Gate(AdaptiveLimit(LimitRules(1, 1, 1, 2.0)), patience=60, clock=clock)
    await one.enter()
    waiting = [asyncio.create_task(one.enter()) for _ in range(65)]
    await asyncio.sleep(0)
    clock.now += 0.2
    last = asyncio.create_task(one.enter())
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.gather(waiting[0], last, return_exceptions=True)
    assert one.at_once == 1


async def test_who_keeps_a_few_under_way_all_the_time_is_never_turned_away() -> None:
    one = gate(1)

    async def client() -> list[bool]:
        entered = []
        for _ in range(30):
            entered.append(await one.enter())
            await asyncio.sleep(0.001)
            one.leave(0.001)
        return entered

    assert all(entered for client in await asyncio.gather(*(client() for _ in range(4))) for entered in client)


async def test_it_is_pressed_until_nobody_was_turned_away_for_a_while() -> None:
    clock = Clock()
    one = gate(clock=clock)
    await one.enter()
    await one.enter()
    assert not await one.enter()
    assert one.pressed
    clock.now += 5
    assert not one.pressed


async def test_who_goes_away_while_waiting_takes_no_place() -> None:
    one = gate(1)
    await one.enter()
    gone, patient = asyncio.create_task(one.enter()), asyncio.create_task(one.enter())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    one.leave(0.01)
    assert await patient
    one.leave(0.01)
    assert one.at_once == 0


async def test_who_goes_away_the_moment_it_is_let_in_gives_the_place_on() -> None:
    one = gate(1)
    await one.enter()
    gone, patient = asyncio.create_task(one.enter()), asyncio.create_task(one.enter())
    await asyncio.sleep(0)
    one.leave(0.01)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert await patient
    one.leave(0.01)
    assert one.at_once == 0


@given(st.lists(st.sampled_from(["come", "leave", "go away"]), max_size=60))
def test_places_are_neither_lost_nor_doubled(steps: list[str]) -> None:
    assert asyncio.run(walk(steps)) == 0


async def walk(steps: list[str]) -> int:
    """Take the steps, looking after each; then everybody leaves. How many places are still taken."""
    one = gate(3)
    waiting: list[asyncio.Task[bool]] = []
    inside = 0
    for step in steps:
        if step == "come":
            waiting.append(asyncio.create_task(one.enter()))
        elif step == "leave" and inside:
            one.leave(0.01)
            inside -= 1
        elif step == "go away" and waiting:
            waiting[-1].cancel()
        for _ in range(3):
            await asyncio.sleep(0)
        done = [task for task in waiting if task.done()]
        inside += sum(1 for task in done if not task.cancelled() and task.result())
        waiting = [task for task in waiting if not task.done()]
        assert one.at_once == inside <= 3
        assert not waiting or inside == 3
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert one.at_once == inside
    for _ in range(inside):
        one.leave(0.01)
    return one.at_once
