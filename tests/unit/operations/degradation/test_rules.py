from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.operations.degradation.errors import DurationInvalid
from ragkeeper.operations.degradation.models import Cause, Forced, Seen, Step
from ragkeeper.operations.degradation.rules import (
    LINGER,
    duration,
    in_force,
    retry_after,
    settled,
    still_forced,
    worst,
)

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
STEPS = st.sampled_from(list(Step))
SECOND = timedelta(seconds=1)


def seen(name: str, step: Step = Step.EXTRACTIVE) -> Seen:
    return Seen(name, step, f"{name}_away", "gone")


def causes(steps: Sequence[Step]) -> list[Cause]:
    return [Cause(seen(f"c{number}", step), NOW, NOW) for number, step in enumerate(steps)]


def forced(step: Step, seconds: float = 60) -> Forced:
    return Forced(step, "alice", NOW, NOW + timedelta(seconds=seconds))


@given(st.lists(STEPS), st.none() | STEPS)
def test_the_worst_is_in_force_and_storing_is_judged_apart(steps: list[Step], said: Step | None):
    found = in_force(causes(steps), forced(said) if said else None)
    every = [*steps, *([said] if said else [])]
    assert all(step.rank <= found.step.rank for step in every)
    assert found.step in {*every, Step.FULL}
    assert found.takes_changes is (Step.READ_ONLY not in every)
    assert found.answers is not Step.READ_ONLY
    assert found.answers is worst(step for step in every if step is not Step.READ_ONLY)
    assert len(found.causes) == len(steps)


@given(st.lists(STEPS), STEPS)
def test_another_cause_never_makes_it_better(steps: list[Step], more: Step):
    before, after = in_force(causes(steps), None), in_force(causes([*steps, more]), None)
    assert after.step.rank >= before.step.rank
    assert after.answers.rank >= before.answers.rank
    assert before.takes_changes or not after.takes_changes


@given(st.lists(st.lists(st.sampled_from("abc"), unique=True), max_size=40))
def test_a_cause_begins_at_once_and_ends_when_it_was_not_seen_for_a_while(looks: list[list[str]]):
    held: dict[str, Cause] = {}
    last: dict[str, datetime] = {}
    now = NOW
    for names in looks:
        now += SECOND
        last |= dict.fromkeys(names, now)
        held = settled(held, [seen(name) for name in names], now)
        assert set(held) == {name for name, when in last.items() if now - when < LINGER}
        assert all(cause.since <= cause.last_seen <= now for cause in held.values())


def test_a_cause_that_goes_on_keeps_its_beginning_and_tells_its_newest_reason():
    held = settled({}, [seen("index")], NOW)
    held = settled(held, [Seen("index", Step.FULL, "other", "still gone")], NOW + SECOND)
    [cause] = held.values()
    assert (cause.since, cause.seen.reason) == (NOW, "still gone")


def test_a_clock_that_is_set_back_does_not_prolong_a_cause():
    held = settled({}, [seen("index")], NOW)
    assert settled(held, [], NOW - timedelta(hours=1)) == {}


def test_a_forced_step_ends_at_its_time():
    said = forced(Step.EXTRACTIVE, 60)
    assert still_forced(said, NOW + timedelta(seconds=59)) is said
    assert still_forced(said, NOW + timedelta(seconds=60)) is None
    assert still_forced(None, NOW) is None


def test_nobody_is_sent_away_for_long():
    assert retry_after(forced(Step.READ_ONLY, 90), NOW) == 90
    assert retry_after(forced(Step.READ_ONLY, 86400), NOW) == 300
    assert retry_after(forced(Step.READ_ONLY, 60), NOW + timedelta(seconds=61)) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("2h", 7200), ("1h30m", 5400), ("7d", 604800), ("45", 45), (" 10M ", 600)],
)
def test_durations_are_read(text: str, seconds: int):
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "0s", "8d", "-5m", "ten", "1.5h", "10m5", "999999999s", "m", "\u0661m"])
def test_other_durations_are_refused(text: str):
    with pytest.raises(DurationInvalid):
        duration(text)
