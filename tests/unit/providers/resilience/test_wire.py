"""Records on their way between processes."""

import pytest

from ragkeeper.providers.resilience.models import Cause, Record, State, Trial
from ragkeeper.providers.resilience.wire import decode, encode

RECORD = Record(
    State.OPEN, 990.0, 980.0, 1020.0, 2, 7, (Trial(4, 995.0),), 4, 1, Cause.FAILURE_RATE, "status 503, später", True
)


def test_a_record_comes_back_as_it_was() -> None:
    assert decode(encode(RECORD, 5000.0), 5000.0, 1000.0) == RECORD


def test_another_process_reads_its_own_times() -> None:
    there = decode(encode(RECORD, 5000.0), 5900.0, 100.0)
    assert (there.since, there.until, there.trials) == (90.0, 120.0, (Trial(4, 95.0),))


def test_a_hold_stays_one() -> None:
    assert decode(encode(Record(State.OPEN, 1.0, 1.0, epoch=1), 50.0), 50.0, 2.0).held


def test_a_clock_that_is_set_back_makes_no_wait_longer() -> None:
    """An hour back: it begins anew, 30 s from now."""
    there = decode(encode(RECORD, 5000.0), 5000.0 - 3600, 1000.0)
    assert there.since == 1000.0
    assert there.until == 1030.0


@pytest.mark.parametrize("stored", [None, b"", b"no record", b"[1]", b"{}", b'{"state": "ajar"}', b'{"cause": null}'])
def test_what_is_no_record_is_a_breaker_that_never_changed(stored: bytes | None) -> None:
    assert decode(stored, 5000.0, 1000.0) == Record()
