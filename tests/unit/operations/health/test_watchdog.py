import asyncio
import time

from structlog.testing import capture_logs

from ragkeeper.operations.health.watchdog import Watchdog


def stand_still(seconds: float) -> None:
    time.sleep(seconds)


async def test_a_blocked_loop_is_told_while_it_stands_with_what_it_stands_in() -> None:
    watchdog = Watchdog(limit=0.2, beat=0.02)
    with capture_logs() as records:
        watchdog.start()
        await asyncio.sleep(0.06)
        assert watchdog.state.longest == 0
        stand_still(0.6)
        while_standing = [record for record in records if record["event"] == "event_loop_blocked"]
        await asyncio.sleep(0.06)
    assert len(while_standing) == 1
    assert "stand_still (test_watchdog.py:" in while_standing[0]["stack"]
    assert while_standing[0]["log_level"] == "error"
    assert watchdog.state.longest > 0.4
    assert not watchdog.state.stuck
    assert [record["event"] for record in records][-1] == "event_loop_moves_again"
    await watchdog.stop()


def test_a_loop_that_is_late_at_every_beat_is_stuck_until_it_is_not() -> None:
    now = [0.0]
    watchdog = Watchdog(limit=5.0, beat=0.5, monotonic=lambda: now[0])
    for late, stuck in [(6, False), (6, False), (6, True), (6, True), (0, False), (6, False)]:
        now[0] += 0.5 + late
        watchdog._note()
        assert watchdog.state.stuck is stuck
    assert watchdog.state.longest == 6
    now[0] += 301
    assert watchdog.state.longest == 0


async def test_a_loop_that_moves_says_nothing() -> None:
    watchdog = Watchdog(limit=0.2, beat=0.02)
    with capture_logs() as records:
        watchdog.start()
        await asyncio.sleep(0.5)
        await watchdog.stop()
    assert records == []
    assert watchdog.state.lag < 0.2
