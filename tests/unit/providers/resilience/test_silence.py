"""Who waits for a provider that has gone silent is not kept waiting; who waits for a slow one is."""

import asyncio
from collections.abc import Callable

from ragkeeper.providers.resilience.silence import Silence

NEVER = 30.0


async def outcomes(silence: Silence, callers: int, answer_after: float, at_most: float = NEVER) -> list[str]:
    """What became of so many who ask at once, of a provider that answers all of them after so many seconds."""

    async def ask() -> str:
        try:
            async with asyncio.timeout(None) as limit:
                with silence.wait(limit, at_most):
                    await asyncio.sleep(answer_after)
        except TimeoutError:
            return "ended"
        return "answered"

    return await asyncio.gather(*(ask() for _ in range(callers)))


def silence(usual: float | None = 0.01, failing: Callable[[], bool] = lambda: False) -> Silence:
    made = Silence(lambda: usual, failing, least=0.1)
    made.heard()
    return made


async def test_a_few_who_wait_much_longer_than_usual_are_ended_together() -> None:
    assert await outcomes(silence(), callers=3, answer_after=5) == ["ended"] * 3


async def test_one_or_two_may_just_have_asked_something_hard() -> None:
    assert await outcomes(silence(), callers=2, answer_after=0.5) == ["answered"] * 2


async def test_after_a_failure_one_is_enough() -> None:
    assert await outcomes(silence(failing=lambda: True), callers=1, answer_after=5) == ["ended"]


async def test_a_slow_provider_that_speaks_to_others_meanwhile_is_waited_for() -> None:
    slow = silence()

    async def speaking() -> None:
        for _ in range(12):
            await asyncio.sleep(0.05)
            slow.heard()

    speaker = asyncio.create_task(speaking())
    assert await outcomes(slow, callers=8, answer_after=0.5) == ["answered"] * 8
    await speaker


async def test_one_that_is_not_known_yet_or_has_rested_has_the_time_that_slow_calls_have() -> None:
    for unknown in (silence(usual=None), Silence(lambda: 0.01, lambda: False, least=0.1)):
        assert await outcomes(unknown, callers=8, answer_after=0.4) == ["answered"] * 8
        assert await outcomes(unknown, callers=8, answer_after=5, at_most=0.2) == ["ended"] * 8


async def test_who_takes_long_by_nature_is_not_hurried() -> None:
    assert await outcomes(silence(usual=0.3), callers=8, answer_after=0.6) == ["answered"] * 8
