from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ragkeeper.operations.diagnose.memory import verdict
from ragkeeper.operations.diagnose.models import Sample, Verdict

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MB = 1_000_000


def watched(course: Callable[[float], float], minutes: float = 30, interval: float = 30) -> Verdict | None:
    """course: megabytes by minutes."""
    count = round(minutes * 60 / interval)
    times = [number * interval / 60 for number in range(count)]
    return verdict([Sample(NOON + timedelta(minutes=time), round(course(time) * MB), 1.0, 1) for time in times])


def chances(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def usual(seed: int, level: float = 400) -> Callable[[float], float]:
    """What a server without a leak does: waves, caches that fill up, garbage that is collected late, short bursts."""
    chance = chances(seed)
    phase, height = chance.random() * 6, chance.uniform(0, 8)
    fills = chance.uniform(0, 40)

    def course(minute: float) -> float:
        cache = fills * (1 - 2 ** (-minute / 2))
        saw = height * ((minute + phase) % 3) / 3
        burst = 120 if chance.random() < 0.05 else 0
        return level + cache + saw + burst + chance.normal(0, 1.5)

    return course


def test_two_megabytes_a_minute_are_a_leak():
    for seed in range(20):
        base = usual(seed)
        found = watched(lambda minute, base=base: base(minute) + 2 * minute)
        assert found
        assert (found.verdict, found.confidence > 0.99) == ("leak", True), seed
        assert found.low <= 120 * MB * 1.25
        assert found.high >= 120 * MB * 0.75


def test_a_server_that_is_well_raises_no_alarm():
    found = [watched(usual(seed)) for seed in range(100)]
    assert [one.verdict for one in found if one].count("leak") <= 1
    assert sum(one.verdict == "stable" for one in found if one) >= 97


def test_a_jump_is_no_leak_whenever_it_comes():
    for at in range(2, 28, 3):
        chance = chances(at)
        found = watched(lambda minute, at=at, chance=chance: 400 * (1.3 if minute > at else 1) + chance.normal(0, 1.5))
        assert found
        assert found.verdict == "stable", at


def test_steps_that_end_and_a_cache_that_fills_up_are_no_leak():
    for seed in range(10):
        chance = chances(seed)
        steps = watched(lambda minute, c=chance: 400 + 30 * sum(minute > at for at in (8, 11, 14)) + c.normal(0, 1.5))
        fills = watched(lambda minute, c=chance: 400 + 60 * (1 - 2 ** (-minute / 2)) + c.normal(0, 1.5))
        assert steps
        assert fills
        assert (steps.verdict, fills.verdict) == ("stable", "stable"), seed


def test_memory_that_is_given_back_decreases():
    chance = chances(1)
    found = watched(lambda minute: 500 - 4 * minute + chance.normal(0, 1.5))
    assert found
    assert found.verdict == "decreasing"
    assert found.growth_percent < -5


def test_a_slow_leak_is_found_in_time():
    chance = chances(2)
    found = watched(lambda minute: 400 + 0.3 * minute + chance.normal(0, 0.3))
    assert found
    assert found.verdict == "leak"
    assert found.growth_percent < 10  # two halves alone would call it stable


def test_what_does_not_move_is_stable_for_sure():
    found = watched(lambda _minute: 400)
    assert found
    assert (found.verdict, found.confidence, found.per_hour) == ("stable", 1.0, 0.0)


@pytest.mark.parametrize(("minutes", "known"), [(1, False), (3, True)])
def test_too_few_samples_have_no_verdict(minutes: float, known: bool):
    assert (watched(lambda _minute: 400, minutes) is not None) is known
    assert verdict([]) is None


def test_halves_are_shown_as_the_guide_has_them():
    found = watched(lambda minute: 100 if minute < 15 else 112)
    assert found
    assert (found.first_half, found.second_half) == (100 * MB, 112 * MB)
    assert found.growth_percent == pytest.approx(12)
    assert found.warm_up == 12
