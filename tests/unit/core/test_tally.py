from datetime import UTC, datetime, timedelta

import pytest

from ragkeeper.core.tally import OTHER, ErrorTally, as_code

NOON = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tally(clock: Clock) -> ErrorTally:
    return ErrorTally(clock)


def counts(tally: ErrorTally) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in tally.take():
        found[one.code] = found.get(one.code, 0) + one.count
    return found


def test_records_count_by_their_code_and_else_by_their_event(tally: ErrorTally) -> None:
    record = {"event": "request_failed", "code": "storage_full"}
    assert tally(None, "error", record) is record
    tally(None, "error", {"event": "request_crashed"})
    assert counts(tally) == {"storage_full": 1, "request_crashed": 1}
    assert counts(tally) == {}


def test_only_errors_count_whatever_their_words(tally: ErrorTally) -> None:
    for level in ("debug", "info", "warning"):
        tally(None, level, {"event": "error error error", "code": "error"})
    assert counts(tally) == {}


def test_an_hour_and_code_say_when_first_and_last(tally: ErrorTally, clock: Clock) -> None:
    for _ in range(4):
        tally.count("a")
        clock.now += timedelta(minutes=10)
    before, after = tally.take()
    assert (before.hour, before.count) == (NOON.replace(minute=0), 3)
    assert (before.first, before.last) == (NOON, NOON + timedelta(minutes=20))
    assert (after.hour, after.count) == (NOON.replace(hour=13, minute=0), 1)


def test_what_could_not_be_stored_is_added_again(tally: ErrorTally) -> None:
    tally.count("a")
    taken = tally.take()
    tally.count("a")
    tally.add(taken)
    assert counts(tally) == {"a": 2}


def test_codes_of_an_hour_are_bounded(tally: ErrorTally) -> None:
    for number in range(500):
        tally.count(f"code_{number}")
    found = counts(tally)
    assert len(found) == 101
    assert found[OTHER] == 400


def test_hours_are_bounded(tally: ErrorTally, clock: Clock) -> None:
    for _ in range(200):
        tally.count("a")
        clock.now += timedelta(hours=1)
    assert counts(tally) == {"a": 48}


def test_a_sentence_becomes_a_code() -> None:
    assert as_code("Database connection failed") == "database_connection_failed"
    assert as_code("…") == OTHER
