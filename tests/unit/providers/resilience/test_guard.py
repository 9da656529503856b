import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ragkeeper.core.unaided import unaided
from ragkeeper.providers.resilience.guard import Guard
from ragkeeper.providers.resilience.models import Act, Cause, Outcome, Standing, State
from tests.unit.providers.resilience.stage import WORDING, Failed, HandClock, Heard, NotMade, Refused, Throttled, guard


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


async def call(one: Guard, error: Exception | None = None, seconds: float = 0.0) -> None:
    """A call that fails with the error, unless the guard forbids it."""
    async with one.call(WORDING, slow_after=10) as made:
        one.limit._clock.move(seconds)
        made.begun()
        if error:
            raise error


async def fail(one: Guard, times: int, error: Exception | None = None) -> None:
    for _ in range(times):
        with pytest.raises((Failed, Throttled, Refused)):
            await call(one, error or Failed("status 503"))


async def test_an_open_breaker_refuses_and_says_since_when_and_until_when(clock: HandClock) -> None:
    one = guard(clock)
    await fail(one, 5)
    clock.move(10)
    with pytest.raises(NotMade) as refused:
        await call(one)
    found, now = refused.value.found, datetime.now(UTC)
    assert found.since is not None
    assert found.next_try is not None
    assert abs(found.since - (now - timedelta(seconds=10))) < timedelta(seconds=1)
    assert abs(found.next_try - (now + timedelta(seconds=20))) < timedelta(seconds=1)
    assert found.retry_after == pytest.approx(20)
    assert one.refused() is not None
    clock.move(20)
    assert one.refused() is None


async def test_a_request_that_is_to_go_on_without_calls_nobody_and_counts_for_nothing(clock: HandClock) -> None:
    one = guard(clock)
    with unaided(), pytest.raises(NotMade) as refused:
        await call(one)
    assert (refused.value.found.crowded, refused.value.found.since) == (True, None)
    assert (await one.state()).standing is Standing.UNKNOWN
    with unaided(wanted=False):
        await call(one)
    assert (await one.state()).standing is Standing.OK


async def test_requests_that_are_refused_or_throttled_open_nothing(clock: HandClock) -> None:
    one = guard(clock)
    await fail(one, 50, Refused())
    for _ in range(50):
        await fail(one, 1, Throttled(2))
        clock.move(2)
    assert one.breaker.state is State.CLOSED
    assert (await one.state()).standing is Standing.UNKNOWN


async def test_a_provider_that_asks_for_a_pause_gets_it(clock: HandClock) -> None:
    one = guard(clock)
    await fail(one, 1, Throttled(7))
    with pytest.raises(NotMade) as refused:
        await call(one)
    assert (refused.value.found.since, refused.value.found.limit) == (None, None)
    assert refused.value.found.retry_after == pytest.approx(7)
    clock.move(3)
    await call(one)
    assert clock() == 1007


async def test_a_limit_that_is_used_up_says_which_and_when(clock: HandClock) -> None:
    one = guard(clock, per_minute=2)
    await call(one)
    await call(one)
    with pytest.raises(NotMade) as refused:
        await call(one)
    assert refused.value.found.limit == 2
    assert refused.value.found.retry_after == pytest.approx(60.5)


async def test_a_caller_who_leaves_says_nothing_and_leaves_no_trial_behind(clock: HandClock) -> None:
    one = guard(clock)
    await fail(one, 5)
    clock.move(30)

    async def hang() -> None:
        async with one.call(WORDING, slow_after=10):
            await asyncio.sleep(60)

    for _ in range(2):
        tasks = [asyncio.create_task(hang()) for _ in range(10)]
        await asyncio.sleep(0)
        assert len(one.breaker.record.trials) == 3
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert one.breaker.record.trials == ()
        assert one.breaker.state is State.HALF_OPEN


async def test_who_leaves_while_queueing_leaves_nothing_behind(clock: HandClock) -> None:
    one = guard(clock, per_minute=1)
    await call(one)
    clock.move(57)
    one.limit._sleep = asyncio.sleep
    task = asyncio.create_task(call(one))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    clock.move(4)
    assert one.limit.remaining == 1


async def test_no_call_goes_out_when_the_breaker_opened_while_it_queued(clock: HandClock) -> None:
    one = guard(clock, per_minute=1)
    await call(one)
    clock.move(57)
    queued = asyncio.create_task(call(one))
    await asyncio.sleep(0)
    await one.act(Act.OPEN)
    with pytest.raises(NotMade):
        await queued
    clock.move(60)
    assert one.limit.remaining == 1


class Script:
    """A call that fails so many times before it works."""

    def __init__(self, failures: int, error: Exception | None = None) -> None:
        self.failures = failures
        self.error = error or Failed("status 503")
        self.attempts = 0

    async def run(self, one: Guard) -> None:
        async with one.call(WORDING, slow_after=10) as made:
            while True:
                self.attempts += 1
                if self.attempts > self.failures:
                    return
                if not await made.again(self.error):
                    raise self.error


async def test_what_works_the_second_time_is_one_success(clock: HandClock) -> None:
    heard = Heard()
    one = guard(clock, heard, retries=2)
    script = Script(1)
    await script.run(one)
    assert (script.attempts, heard.outcomes) == (2, [Outcome.SUCCESS])


async def test_an_outage_is_not_multiplied_by_retries(clock: HandClock) -> None:
    heard = Heard()
    one = guard(clock, heard, retries=2)
    attempts = 0
    for _ in range(8):
        script = Script(10)
        with pytest.raises((Failed, NotMade)):
            await script.run(one)
        attempts += script.attempts
    assert heard.outcomes == [Outcome.FAILURE] * 5
    assert attempts == 6


async def test_nothing_is_tried_again_after_the_first_piece_or_in_a_trial(clock: HandClock) -> None:
    one = guard(clock, retries=2)
    async with one.call(WORDING, slow_after=10) as made:
        made.begun()
        assert not await made.again(Failed())
    await fail(one, 5)
    clock.move(30)
    async with one.call(WORDING, slow_after=10) as trial:
        assert not await trial.again(Failed())


async def test_nothing_is_tried_again_that_would_fail_again_or_while_open_or_without_a_place(clock: HandClock) -> None:
    one = guard(clock, retries=2, per_minute=1)
    async with one.call(WORDING, slow_after=10) as made:
        assert not await made.again(Refused())
        assert not await made.again(Failed())  # the minute's only place is taken
    free = guard(clock, retries=2)
    began = clock()
    async with free.call(WORDING, slow_after=10) as made:
        await free.act(Act.OPEN)
        assert not await made.again(Failed())
    assert clock() == began, "it waited"


async def test_nothing_is_tried_again_when_the_breaker_opens_during_the_pause(clock: HandClock) -> None:
    one = guard(clock, retries=2)

    async def open_meanwhile(_pause: float) -> None:
        await one.act(Act.OPEN)

    one.sleep = open_meanwhile
    async with one.call(WORDING, slow_after=10) as made:
        assert not await made.again(Failed())


async def test_an_open_breaker_is_told_before_a_limit_that_is_used_up(clock: HandClock) -> None:
    one = guard(clock, per_minute=1)
    await call(one)
    await one.act(Act.OPEN)
    with pytest.raises(NotMade) as refused:
        await call(one)
    assert refused.value.found.since is not None


async def test_slow_is_until_the_first_piece(clock: HandClock) -> None:
    one = guard(clock)
    for _ in range(20):
        async with one.call(WORDING, slow_after=10) as made:
            made.begun()
            clock.move(11)
            made.begun()
    assert one.breaker.state is State.CLOSED
    while one.refused() is None:
        await call(one, seconds=11)
    assert one.breaker.record.cause is Cause.SLOW_CALLS


async def test_its_state_tells_what_was_seen(clock: HandClock) -> None:
    one = guard(clock, per_minute=28)
    assert (await one.state()).standing is Standing.UNKNOWN
    await call(one, seconds=2)
    state = await one.state()
    assert (state.standing, state.latency_p50, state.remaining) == (Standing.OK, 2, 27)
    await fail(one, 1)
    assert (await one.state()).standing is Standing.FAILING
    await fail(one, 4)
    state = await one.state()
    assert (state.standing, state.state, state.last_failure_reason) == (Standing.DOWN, State.OPEN, "status 503")
    assert state.error_rate == pytest.approx(5 / 6)
    assert state.last_success is not None
    assert state.next_try is not None
    clock.move(30)
    assert (await one.state()).state is State.HALF_OPEN


async def test_a_breaker_that_never_changed_is_closed_since_it_was_made(clock: HandClock) -> None:
    one = guard(clock)
    clock.move(10)
    since = (await one.state()).since
    assert abs(since - (datetime.now(UTC) - timedelta(seconds=10))) < timedelta(seconds=1)


async def test_a_failure_says_nothing_about_now_after_a_minute(clock: HandClock) -> None:
    one = guard(clock)
    assert one.failing_for_now() is None
    await fail(one, 1)
    assert one.failing_for_now() == "status 503"
    clock.move(60)
    assert one.failing_for_now() is None


async def test_closing_by_hand_ends_a_pause_too(clock: HandClock) -> None:
    one = guard(clock)
    await fail(one, 1, Throttled(3600))
    await one.act(Act.CLOSE)
    began = clock()
    await call(one)
    assert clock() == began


async def test_closed_it_puts_calls_in_no_row(clock: HandClock) -> None:
    one = guard(clock)
    running, most = 0, 0

    async def slow() -> None:
        nonlocal running, most
        async with one.call(WORDING, slow_after=10):
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.01)
            running -= 1

    await asyncio.gather(*[slow() for _ in range(50)])
    assert most == 50
