from datetime import UTC, datetime

import pytest

from ragkeeper.ingestion.sources.connectors.waits import next_wait, seconds_asked

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_waits_grow_and_spread_and_end_at_the_longest() -> None:
    assert [next_wait(n, None, 1, 10, 1.0) for n in (1, 2, 3, 4, 5, 9)] == [1, 2, 4, 8, 10, 10]
    assert next_wait(3, None, 1, 10, 0.0) == 2


def test_a_server_is_given_the_time_it_asks_for_within_bounds() -> None:
    assert next_wait(1, "7", 1, 10, 1.0) == 7
    assert next_wait(3, "1", 1, 10, 1.0) == 4
    assert next_wait(1, "11", 1, 10, 1.0) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 3 ", 3.0),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 00:00:30", 30.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("9" * 400, 999999999.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert seconds_asked(header, NOW) == seconds


@pytest.mark.parametrize(
    "text", ["Wed, 21 Oct 99999999999 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 +99999999999999999999"]
)
def test_dates_beyond_all_time_cannot_be_read(text: str) -> None:
    assert seconds_asked(text, datetime(2026, 1, 1, tzinfo=UTC)) is None
