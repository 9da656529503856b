import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.operations.capacity.trend import trend

DAYS = np.arange(30, dtype=np.float64)


def noisy(seed: int, size: float = 2.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, size, 30)


@given(st.floats(-50, 50), st.floats(-1e3, 1e3))
def test_a_line_has_its_slope(slope: float, start: float):
    found = trend(start + slope * DAYS)
    assert found.slope == pytest.approx(slope, abs=1e-6)
    assert found.low <= found.slope + 1e-9
    assert found.high >= found.slope - 1e-9


def test_a_rise_is_found_in_noise_and_lies_in_its_interval():
    inside = 0
    for seed in range(60):
        found = trend(40 + DAYS + noisy(seed))
        inside += found.low <= 1 <= found.high
        assert found.direction == "increasing"
        assert found.fit > 0.8
    assert 60 * 0.65 <= inside <= 60 * 0.95  # said: 80 %


def test_noise_has_no_trend():
    found = [trend(40 + noisy(seed)).direction for seed in range(200)]
    assert found.count("none") >= 196  # said: 99 of 100


def test_what_resembles_its_neighbours_is_no_trend_so_easily():
    walks = [np.random.default_rng(seed).normal(0, 1, 33) for seed in range(100)]
    smooth = [40 + np.convolve(walk, np.ones(4) / 4, "valid") for walk in walks]
    assert [trend(one).direction for one in smooth].count("none") >= 93


def test_wild_values_and_gaps_do_not_move_it():
    values = 10 + 0.5 * DAYS + noisy(3, 0.1)
    values[[4, 15, 28]] = 900
    values[[7, 8, 9, 20]] = np.nan
    assert trend(values).slope == pytest.approx(0.5, abs=0.05)


def test_a_fall_and_nothing_at_all():
    assert trend(50 - DAYS + noisy(1)).direction == "decreasing"
    assert trend(np.full(30, 7.0)).direction == "none"
    assert trend(np.array([1.0, 2.0])).direction == "none"
    assert trend(np.full(30, np.nan)).direction == "none"
