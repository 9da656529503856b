import asyncio
import time

import pytest

from ragkeeper.providers.resilience.models import Act, BreakerPolicy, Cause, Outcome, Permit, Refusal, State
from tests.unit.providers.resilience.stage import HandClock, Heard, breaker, calls

GOOD, BAD, THROTTLED, IGNORED = Outcome.SUCCESS, Outcome.FAILURE, Outcome.THROTTLED, Outcome.IGNORED


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


async def test_five_failures_in_a_row_open_it(clock: HandClock) -> None:
    heard = Heard()
    one = breaker(clock, heard=heard)
    await calls(one, *[BAD] * 4)
    assert one.state is State.CLOSED
    await calls(one, BAD)
    assert one.state is State.OPEN
    assert [(step.cause, step.reason) for step in heard.changes] == [(Cause.IN_A_ROW, "status 503")]
    assert isinstance(await one.admit(), Refusal)


async def test_four_failures_and_a_success_leave_it_closed(clock: HandClock) -> None:
    one = breaker(clock)
    await calls(one, *[BAD, BAD, BAD, BAD, GOOD] * 3)
    assert one.state is State.CLOSED


async def test_failures_that_are_never_five_in_a_row_open_it_by_their_rate(clock: HandClock) -> None:
    one = breaker(clock)
    await calls(one, *[BAD, BAD, BAD, BAD, GOOD] * 20)
    assert one.state is State.OPEN
    assert one.record.cause is Cause.FAILURE_RATE


async def test_two_failures_of_five_leave_it_closed(clock: HandClock) -> None:
    one = breaker(clock)
    await calls(one, *[BAD, GOOD, BAD, GOOD, GOOD] * 100)
    assert one.state is State.CLOSED


async def test_old_calls_do_not_count(clock: HandClock) -> None:
    one = breaker(clock)
    for _ in range(100):
        await calls(one, BAD, GOOD)
        clock.move(120)
    assert one.state is State.CLOSED


@pytest.mark.parametrize("outcome", [THROTTLED, IGNORED])
async def test_throttling_and_the_caller_s_own_mistakes_do_not_count(clock: HandClock, outcome: Outcome) -> None:
    one = breaker(clock)
    await calls(one, *[BAD] * 4, *[outcome] * 50)
    assert one.state is State.CLOSED
    await calls(one, BAD)  # the fifth failure: nothing that counts came in between
    assert one.state is State.OPEN


async def test_slow_calls_open_it_and_slow_trials_keep_it_open(clock: HandClock) -> None:
    one = breaker(clock)
    await calls(one, *[GOOD] * 5)
    await calls(one, *[GOOD] * 19, slow=True)
    assert one.state is State.CLOSED
    await calls(one, GOOD, slow=True)
    assert one.record.cause is Cause.SLOW_CALLS
    clock.move(30)
    await calls(one, GOOD, slow=True)
    assert one.state is State.OPEN


async def test_a_model_that_is_always_slow_is_called_all_the_same(clock: HandClock) -> None:
    one = breaker(clock)
    await calls(one, *[GOOD] * 300, slow=True)
    assert one.state is State.CLOSED


async def test_closing_by_hand_accepts_that_a_model_has_become_slow(clock: HandClock) -> None:
    one = breaker(clock)
    await calls(one, *[GOOD] * 5)
    await calls(one, *[GOOD] * 20, slow=True)
    await one.act(Act.CLOSE)
    await calls(one, *[GOOD] * 300, slow=True)
    assert one.state is State.CLOSED


async def test_slow_trials_pass_where_slowness_was_not_the_trouble(clock: HandClock) -> None:
    one = breaker(clock)
    await calls(one, *[BAD] * 5)
    clock.move(30)
    await calls(one, *[GOOD] * 3, slow=True)
    assert one.state is State.CLOSED


async def test_after_its_time_three_good_trials_close_it(clock: HandClock) -> None:
    heard = Heard()
    one = breaker(clock, heard=heard)
    await calls(one, *[BAD] * 5)
    clock.move(29.9)
    assert isinstance(await one.admit(), Refusal)
    clock.move(0.1)
    assert one.state is State.HALF_OPEN
    await calls(one, GOOD, GOOD)
    assert one.state is State.HALF_OPEN
    await calls(one, GOOD)
    assert one.state is State.CLOSED
    assert heard.steps == ["closed-open", "open-half_open", "half_open-closed"]


async def test_a_failed_trial_opens_it_at_once_for_longer_each_time(clock: HandClock) -> None:
    one = breaker(clock)
    await calls(one, *[BAD] * 5)
    waits = []
    for _ in range(6):
        waits.append((one.record.until or 0) - clock())
        clock.move(waits[-1])
        await calls(one, GOOD, BAD)
        assert one.state is State.OPEN
    assert waits == [30, 60, 120, 240, 300, 300]


async def test_years_of_failing_are_no_trouble(clock: HandClock) -> None:
    one = breaker(clock)
    await calls(one, *[BAD] * 5)
    for _ in range(3000):
        clock.move(300)
        await calls(one, BAD)
    assert (one.record.until or 0) - clock() == 300


async def test_jitter_only_shortens_the_wait(clock: HandClock) -> None:
    one = breaker(clock, draw=lambda: 0.999)
    await calls(one, *[BAD] * 5)
    assert 27 < (one.record.until or 0) - clock() < 27.1


async def test_one_that_opens_again_soon_after_it_closed_waits_longer(clock: HandClock) -> None:
    one = breaker(clock)
    for expected, well in ((30, 10), (60, 1000), (30, 0)):
        await calls(one, *[BAD] * 5)
        assert (one.record.until or 0) - clock() == expected
        clock.move(expected)
        await calls(one, *[GOOD] * 3)
        clock.move(well)


async def test_the_time_of_day_is_not_asked(clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> None:
    one = breaker(clock)
    await calls(one, *[BAD] * 5)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    clock.move(30)
    assert one.state is State.HALF_OPEN


async def test_of_a_thousand_calls_at_once_three_are_tried(clock: HandClock) -> None:
    one = breaker(clock)
    await calls(one, *[BAD] * 5)
    clock.move(30)
    running, most, made = 0, 0, 0

    async def call() -> None:
        nonlocal running, most, made
        permit = await one.admit()
        if not isinstance(permit, Permit):
            return
        running, made = running + 1, made + 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        await one.settle(permit, IGNORED)

    await asyncio.gather(*[call() for _ in range(1000)])
    assert (most, made) == (3, 3)


async def test_permits_of_callers_who_leave_come_back_and_change_nothing(clock: HandClock) -> None:
    one = breaker(clock)
    await calls(one, *[BAD] * 5)
    clock.move(30)
    permits = [await one.admit() for _ in range(4)]
    assert [isinstance(permit, Permit) for permit in permits] == [True, True, True, False]
    for permit in permits[:3]:
        assert isinstance(permit, Permit)
        await one.settle(permit, IGNORED)
    assert one.state is State.HALF_OPEN
    assert [isinstance(await one.admit(), Permit) for _ in range(4)] == [True, True, True, False]


async def test_a_trial_that_never_ends_gives_its_place_up(clock: HandClock) -> None:
    one = breaker(clock)
    await calls(one, *[BAD] * 5)
    clock.move(30)
    for _ in range(3):
        await one.admit()
    assert isinstance(await one.admit(), Refusal)
    clock.move(BreakerPolicy().trial_seconds)
    assert isinstance(await one.admit(), Permit)


async def test_what_began_before_a_change_does_not_count_after_it(clock: HandClock) -> None:
    one = breaker(clock)
    late = [await one.admit() for _ in range(10)]
    await calls(one, *[BAD] * 5)
    for permit in late[:5]:
        assert isinstance(permit, Permit)
        await one.settle(permit, GOOD)
    assert one.state is State.OPEN
    clock.move(30)
    trial = await one.admit()
    assert isinstance(trial, Permit)
    for permit in late[5:]:
        assert isinstance(permit, Permit)
        await one.settle(permit, BAD)
    assert one.state is State.HALF_OPEN
    await one.settle(trial, GOOD)
    await calls(one, GOOD, GOOD)
    assert one.state is State.CLOSED


async def test_a_trial_that_fails_after_a_long_time_without_calls_counts_as_opening_again(clock: HandClock) -> None:
    one = breaker(clock)
    await calls(one, *[BAD] * 5)
    clock.move(30)
    await one.look()
    clock.move(10_000)
    await calls(one, BAD)
    assert (one.record.until or 0) - clock() == 60


async def test_what_failed_before_it_opened_is_forgotten_when_it_closes(clock: HandClock) -> None:
    one = breaker(clock)
    await calls(one, *[BAD] * 5)
    clock.move(30)
    await calls(one, *[GOOD] * 3, *[BAD] * 4)
    assert one.state is State.CLOSED
    rated = breaker(clock)
    await calls(rated, *[BAD, BAD, BAD, BAD, GOOD] * 20)
    clock.move(30)
    await calls(rated, *[GOOD] * 3, BAD)
    assert rated.state is State.CLOSED


async def test_late_failures_of_before_a_close_by_hand_are_forgotten_too(clock: HandClock) -> None:
    one = breaker(clock)
    late = [await one.admit() for _ in range(5)]
    await one.act(Act.CLOSE)
    for permit in late:
        assert isinstance(permit, Permit)
        await one.settle(permit, BAD)
    await calls(one, *[BAD] * 4)
    assert one.state is State.CLOSED


async def test_open_by_hand_holds_until_it_is_let_go(clock: HandClock) -> None:
    one = breaker(clock)
    await one.act(Act.OPEN)
    clock.move(100_000)
    refusal = await one.admit()
    assert isinstance(refusal, Refusal)
    assert refusal.until is None
    await one.act(Act.AUTO)
    assert one.state is State.HALF_OPEN
    await calls(one, *[GOOD] * 3)
    assert one.state is State.CLOSED


async def test_close_by_hand_forgets_and_watches_again(clock: HandClock) -> None:
    one = breaker(clock)
    await calls(one, *[BAD] * 5)
    await one.act(Act.CLOSE)
    await calls(one, *[BAD] * 4)
    assert one.state is State.CLOSED
    await calls(one, BAD)
    assert one.state is State.OPEN
    assert (one.record.until or 0) - clock() == 30


async def test_auto_leaves_what_is_not_held_as_it_is(clock: HandClock) -> None:
    one = breaker(clock)
    await one.act(Act.AUTO)
    assert one.state is State.CLOSED
    await calls(one, *[BAD] * 5)
    await one.act(Act.AUTO)
    assert one.state is State.OPEN


async def test_looking_lets_time_pass(clock: HandClock) -> None:
    heard = Heard()
    one = breaker(clock, heard=heard)
    await calls(one, *[BAD] * 5)
    clock.move(30)
    assert (await one.look()).state is State.HALF_OPEN
    assert heard.steps[-1] == "open-half_open"
