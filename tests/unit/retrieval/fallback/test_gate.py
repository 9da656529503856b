from datetime import UTC, datetime

from ragkeeper.retrieval.fallback.gate import IndexGate
from ragkeeper.storage.vectors.errors import IndexFailed

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ERROR = IndexFailed(reason="gone")


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_failure_now_and_then_does_not_shut_it():
    gate = IndexGate(lambda: NOW, Time())
    for _ in range(10):
        assert gate.admits()
        gate.failed(ERROR)
        gate.failed(ERROR)
        gate.worked()
        assert gate.admits()


def test_after_three_failures_one_search_in_five_seconds_tries():
    time = Time()
    gate = IndexGate(lambda: NOW, time)
    for _ in range(3):
        gate.failed(ERROR)
    assert not gate.admits()
    time.now += 5
    assert gate.admits()
    assert not gate.admits()


def test_one_success_opens_it_and_three_end_the_trouble():
    gate = IndexGate(lambda: NOW, Time())
    for _ in range(3):
        gate.failed(ERROR)
    assert gate.trouble
    assert (gate.trouble.code, gate.trouble.since) == ("index_failed", NOW)
    for expected in (True, True, False):
        gate.worked()
        assert gate.admits()
        assert (gate.trouble is not None) is expected


def test_a_failure_in_between_begins_the_count_again_and_keeps_the_beginning():
    times = iter([NOW, NOW.replace(hour=5)])
    gate = IndexGate(lambda: next(times), Time())
    gate.failed(ERROR)
    gate.worked()
    gate.worked()
    gate.failed(ERROR)
    gate.worked()
    assert gate.trouble
    assert gate.trouble.since == NOW


def test_the_trouble_tells_whether_the_newest_search_was_answered():
    gate = IndexGate(lambda: NOW, Time())
    for answered in (False, True, False, True, True):
        if answered:
            gate.worked()
        else:
            gate.failed(ERROR)
        assert gate.trouble
        assert gate.trouble.answers is answered
