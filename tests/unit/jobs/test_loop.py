import asyncio

import pytest
from structlog.testing import capture_logs

from ragkeeper.core.clock import utc_now
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.lines import REASON_LENGTH
from ragkeeper.jobs.loop import Loop
from tests.waiting import until


class Busy(RagkeeperError):
    """Not now."""

    code = "busy"


async def busy(told: float | None) -> bool:
    error = Busy()
    error.retry_after = told
    raise error


async def test_a_step_repeats_until_nothing_is_left_and_again_when_woken() -> None:
    left, done = [3], asyncio.Event()

    async def step() -> bool:
        left[0] -= 1
        if left[0] == 0:
            done.set()
        return left[0] > 0

    loop = Loop("test", step, idle_seconds=60)
    loop.start()
    async with asyncio.timeout(2):
        await done.wait()
    done.clear()
    left[0] = 1
    loop.wake()
    async with asyncio.timeout(2):
        await done.wait()
    await loop.stop()
    assert left == [0]


async def test_an_error_is_remembered_and_the_step_tried_again() -> None:
    calls, recovered = [0], asyncio.Event()

    async def step() -> bool:
        calls[0] += 1
        if calls[0] == 1:
            raise ValueError("no luck")
        recovered.set()
        return False

    loop = Loop("test", step)
    loop.start()
    async with asyncio.timeout(5):
        await until(lambda: loop.last_error)
        assert loop.last_error == "no luck"
        await recovered.wait()
    await loop.stop()


@pytest.mark.parametrize(
    ("told", "pauses"),
    [
        (None, [0.5, 1, 2, 4, 8, 16, 32, 60, 60]),
        (30.0, [0.5, 1, 2, 4, 8, 16, 30, 30, 30]),
        (0.0, [0.5, 1, 2, 4, 5, 5, 5, 5, 5]),
        (600.0, [0.5, 1, 2, 4, 8, 16, 32, 60, 60]),
    ],
)
async def test_pauses_grow_and_end_when_the_error_says_so(
    told: float | None, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    announced: list[float] = []
    failed = asyncio.Event()
    loop = Loop("test", lambda: busy(told))

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if loop.failing is not None:
            announced.append((loop.failing.until - utc_now()).total_seconds())
        if len(slept) == len(pauses):
            failed.set()
            await asyncio.Event().wait()

    monkeypatch.setattr("ragkeeper.jobs.loop.asyncio.sleep", sleep)
    loop.start()
    async with asyncio.timeout(5):
        await failed.wait()
    await loop.stop()
    assert slept == pauses
    assert announced == pytest.approx(pauses, abs=1)


async def test_an_error_of_many_lines_is_remembered_as_one_and_logged_whole() -> None:
    message = "no such table: chunks\n[SQL: SELECT 1]\n" + "x" * 1000

    async def step() -> bool:
        raise ValueError(message)

    loop = Loop("test", step)
    with capture_logs() as logs:
        loop.start()
        async with asyncio.timeout(5):
            await until(lambda: loop.last_error)
        await loop.stop()
    assert loop.last_error
    assert loop.last_error.startswith("no such table: chunks [SQL: SELECT 1] xxx")
    assert len(loop.last_error) == REASON_LENGTH
    assert [str(record["exc_info"]) for record in logs] == [message]


async def test_stopping_cancels_the_step_that_runs() -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def step() -> bool:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return False

    loop = Loop("test", step)
    loop.start()
    await begun.wait()
    await loop.stop()
    assert cancelled.is_set()


async def test_steps_keep_their_distance_but_the_first_does_not_wait() -> None:
    times: list[float] = []

    async def step() -> bool:
        times.append(asyncio.get_running_loop().time())
        return len(times) < 3

    began = asyncio.get_running_loop().time()
    loop = Loop("test", step, gather_seconds=0.05)
    loop.start()
    await until(lambda: len(times) >= 3)
    await loop.stop()
    assert times[1] - times[0] >= 0.045
    assert times[2] - times[1] >= 0.045
    assert times[0] - began < 2
