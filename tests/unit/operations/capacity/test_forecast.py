import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ragkeeper.operations.capacity.forecast import forecast

HOURS = np.arange(21 * 24)


def chance(seed: int, count: int, size: float) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, size, count)


def test_a_daily_season_goes_on_at_the_right_hours():
    values = 100 + 30 * np.sin(2 * np.pi * HOURS / 24) + chance(1, len(HOURS), 2)
    past, coming = values[:-48], values[-48:]
    found = forecast(past, 24, 48)
    assert found.model.season
    assert float(np.abs(found.point - coming).mean()) < 4
    assert 0.6 <= float(((coming >= found.low) & (coming <= found.high)).mean()) <= 1


def test_growth_goes_on():
    values = 50 + 1.0 * np.arange(30) + chance(2, 30, 0.3)
    found = forecast(values, 7, 90)
    assert found.model.growth
    assert found.level + 90 * found.growth == pytest.approx(50 + 29 + 90, abs=3)
    assert found.low[-1] < 50 + 29 + 90 < found.high[-1]


def test_noise_does_not_grow_but_its_interval_does():
    found = forecast(40 + chance(3, 30, 2), 7, 90)
    assert not found.model.growth
    assert found.point[-1] == pytest.approx(40, abs=3)
    width = found.high - found.low
    assert np.all(np.diff(width) >= -1e-9)
    assert width[-1] > 1.5 * width[0]


def test_after_a_step_the_new_level_counts():
    values = np.concatenate([np.full(20, 10.0), np.full(10, 50.0)]) + chance(4, 30, 0.5)
    assert forecast(values, 7, 30).point[-1] == pytest.approx(50, abs=15)


def test_intervals_hold_what_they_say_on_average():
    inside = []
    for seed in range(24):
        values = 100 + 0.5 * np.arange(60) + chance(seed, 60, 5)
        found = forecast(values[:30], 7, 30)
        inside.append(float(((values[30:] >= found.low) & (values[30:] <= found.high)).mean()))
    assert 0.75 <= float(np.mean(inside)) <= 0.97


def drawn(kind: str, seed: int, count: int) -> np.ndarray:
    steps, noise = np.arange(count), chance(seed, count, 1)
    return {
        "level": 100 + 5 * noise,
        "week": 100 + 20 * (steps % 7 < 5) + 5 * noise,
        "growth": 100 + steps + 5 * noise,
        "walk": 100 + np.cumsum(noise),
    }[kind]


@pytest.mark.parametrize("known", [14, 15, 16])
def test_intervals_hold_what_they_say_with_two_weeks_only(known: int):
    inside = []
    for kind in ("level", "week", "growth", "walk"):
        for seed in range(20):
            values = drawn(kind, 100 * known + seed, known + 30)
            found, coming = forecast(values[:known], 7, 30), values[known:]
            inside.append(float(((coming >= found.low) & (coming <= found.high)).mean()))
    assert 0.8 <= float(np.mean(inside)) <= 0.97


@settings(max_examples=60)
@given(
    arrays(np.float64, st.integers(3, 60), elements=st.floats(0, 1e9) | st.just(np.nan)),
    st.sampled_from([1, 7, 24]),
    st.integers(1, 100),
)
def test_whatever_comes_in_an_interval_comes_out(values: np.ndarray, period: int, ahead: int):
    if (~np.isnan(values)).sum() < 2:
        with pytest.raises(ValueError, match=str(len(values))):
            forecast(values, period, ahead)
        return
    found = forecast(values, period, ahead)
    assert len(found.point) == len(found.low) == len(found.high) == ahead
    assert np.all(np.isfinite([found.point, found.low, found.high]))
    assert np.all(found.low <= found.point + 1e-6 * np.abs(found.point) + 1e-9)
    assert np.all(found.high >= found.point - 1e-6 * np.abs(found.point) - 1e-9)
