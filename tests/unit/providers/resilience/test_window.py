import pytest

from ragkeeper.providers.resilience.models import BreakerPolicy, Cause
from ragkeeper.providers.resilience.window import CallWindow, Tally


def test_no_rate_is_told_of_too_few_calls() -> None:
    window = CallWindow(BreakerPolicy(failures=1000, minimum_calls=20))
    assert [window.add(0, failed=True, slow=False) for _ in range(20)] == [None] * 19 + [Cause.FAILURE_RATE]


def test_a_good_call_opens_nothing_though_older_good_ones_leave() -> None:
    window = CallWindow(BreakerPolicy(failures=1000, window_seconds=10))
    for failed in [False] * 30 + [True] * 20:
        window.add(float(failed) * 9, failed=failed, slow=False)
    assert window.add(10.5, failed=False, slow=False) is None
    assert window.add(10.6, failed=True, slow=False) is Cause.FAILURE_RATE


def test_only_the_newest_calls_are_kept() -> None:
    window = CallWindow(BreakerPolicy(failures=1000, window_calls=100))
    for _ in range(100):
        window.add(0, failed=False, slow=False)
    verdicts = [window.add(0, failed=True, slow=False) for _ in range(50)]
    assert verdicts == [None] * 49 + [Cause.FAILURE_RATE]


def test_slow_calls_that_left_the_window_do_not_count() -> None:
    window = CallWindow(BreakerPolicy(window_calls=20))
    for slow in [False] * 5 + [True] * 19 + [False] * 20:
        window.add(0, failed=False, slow=slow)
    assert window.add(0, failed=False, slow=True) is None


def test_a_tally_tells_rates_and_latencies() -> None:
    tally = Tally()
    assert (tally.error_rate, tally.latency(0.5), tally.failing) == (None, None, False)
    for second in range(1, 10):
        tally.succeeded(now=float(second), seconds=second / 10)
    tally.failed(now=11.0, reason="status 503")
    assert tally.error_rate == pytest.approx(0.1)
    assert (tally.latency(0.5), tally.latency(0.95)) == (0.5, 0.9)
    assert (tally.failing, tally.last_success, tally.last_failure, tally.last_reason) == (True, 9.0, 11.0, "status 503")
