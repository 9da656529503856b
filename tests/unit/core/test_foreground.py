"""Questions go first: when a background turn begins, alone or beside others, and how long it rests."""

import asyncio
import threading

import pytest

from ragkeeper.core.foreground import Foreground


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def some_time() -> None:
    """Long enough for a task that looks every few milliseconds to look several times."""
    await asyncio.sleep(0.03)


async def test_turns_go_side_by_side_while_nobody_waits() -> None:
    foreground = Foreground(Clock())
    async with foreground.turn(), foreground.turn():
        assert not foreground.busy
    with foreground.thread_turn(), foreground.thread_turn():
        assert not foreground.busy


async def test_a_turn_begins_after_the_question_that_is_under_way() -> None:
    foreground, begun = Foreground(Clock()), asyncio.Event()
    with foreground.waiting():
        task = asyncio.create_task(take(foreground, begun))
        await some_time()
        assert not begun.is_set()
    await asyncio.wait_for(task, 5)


async def test_a_turn_does_not_wait_for_ever() -> None:
    clock = Clock()
    foreground, begun = Foreground(clock), asyncio.Event()
    with foreground.waiting():
        task = asyncio.create_task(take(foreground, begun))
        await some_time()
        assert not begun.is_set()
        clock.now += 60
        await asyncio.wait_for(task, 5)
        assert begun.is_set()


async def test_turns_go_one_by_one_after_a_question() -> None:
    foreground, begun = Foreground(Clock()), asyncio.Event()
    with foreground.waiting():
        pass
    async with foreground.turn():
        task = asyncio.create_task(take(foreground, begun))
        await some_time()
        assert not begun.is_set()
    await asyncio.wait_for(task, 5)


async def test_a_turn_is_followed_by_a_rest_while_questions_are_expected() -> None:
    clock, ended = Clock(), asyncio.Event()
    foreground = Foreground(clock)

    async def work() -> None:
        async with foreground.turn():
            clock.now += 0.1
        ended.set()

    with foreground.waiting():
        pass
    task = asyncio.create_task(work())
    await some_time()
    assert not ended.is_set()
    clock.now += 0.5
    await asyncio.wait_for(task, 5)
    assert not foreground.busy


async def test_an_error_of_a_turn_ends_it() -> None:
    foreground, begun = Foreground(Clock()), asyncio.Event()
    with foreground.waiting():
        pass
    with pytest.raises(ConnectionError):
        await failing(foreground)
    await asyncio.wait_for(take(foreground, begun), 5)


async def test_a_thread_begins_after_the_question_that_is_under_way() -> None:
    foreground, begun = Foreground(Clock()), threading.Event()

    def work() -> None:
        with foreground.thread_turn():
            begun.set()

    with foreground.waiting():
        task = asyncio.create_task(asyncio.to_thread(work))
        await some_time()
        assert not begun.is_set()
    await asyncio.wait_for(task, 5)
    assert begun.is_set()


async def failing(foreground: Foreground) -> None:
    async with foreground.turn():
        raise ConnectionError


async def take(foreground: Foreground, begun: asyncio.Event) -> None:
    async with foreground.turn():
        begun.set()
