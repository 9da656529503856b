import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from ragkeeper.core.clock import utc_now
from ragkeeper.core.lines import REASON_LENGTH
from ragkeeper.operations.health import service
from ragkeeper.operations.health.models import CapabilityState, ComponentState, Limits, ProbeResult
from ragkeeper.operations.health.service import HealthService

FINE = ProbeResult(ComponentState.HEALTHY)


async def fine() -> ProbeResult:
    return FINE


async def crash() -> ProbeResult:
    raise ConnectionError("postgresql://user:secret@host")


async def test_nothing_is_ready_before_the_first_look() -> None:
    health = HealthService({"database": fine}, utc_now)
    assert not health.ready
    await health.look()
    assert health.ready
    health.draining = True
    assert not health.ready


async def test_a_probe_that_raises_is_unhealthy_with_its_reason() -> None:
    health = HealthService({"database": fine, "vector_db": crash}, utc_now)
    await health.look()
    found = health.health()
    assert found.status is ComponentState.DEGRADED
    assert "ConnectionError" in found.components["vector_db"].reason
    assert "secret" not in found.components["vector_db"].reason
    assert found.components["vector_db"].code == "probe_failed"


async def test_a_reason_is_told_in_one_line_and_logged_whole_once() -> None:
    whole = "it broke:\n" + "x" * 1000

    async def breaks() -> ProbeResult:
        return ProbeResult(ComponentState.DEGRADED, whole, "broken")

    health = HealthService({"worker": breaks}, utc_now)
    with capture_logs() as logs:
        await health.look()
        await health.look()
    told = health.health().components["worker"].reason
    assert told == "it broke: " + "x" * (REASON_LENGTH - 11) + "…"
    assert [(record["event"], record["reason"]) for record in logs] == [("component_changed", whole)]


async def test_a_probe_that_hangs_is_unhealthy_at_the_limit_and_not_asked_again_until_it_ends() -> None:
    asked, ended = [], asyncio.Event()

    async def hang() -> ProbeResult:
        asked.append(1)
        while not ended.is_set():
            try:
                await ended.wait()
            except asyncio.CancelledError:  # as a thread that waits for a lock: it cannot be ended
                continue
        return FINE

    health = HealthService({"database": hang}, utc_now, limit=0.05)
    for _ in range(2):
        async with asyncio.timeout(2):
            await health.look()
        assert health.health().components["database"].reason == "no answer within 0.05 s"
    ended.set()
    for _ in range(2):
        await health.look()
    assert health.health().status is ComponentState.HEALTHY
    assert len(asked) == 2


async def test_a_state_that_is_seen_once_is_not_told_yet() -> None:
    states = iter([FINE, None, FINE, None, None, FINE, None, FINE, FINE])

    async def flickers() -> ProbeResult:
        return next(states) or await crash()

    health = HealthService({"vector_db": flickers}, utc_now)
    told = []
    for _ in range(9):
        await health.look()
        told.append(health.health().components["vector_db"].state is ComponentState.HEALTHY)
    assert told == [True, True, True, True, False, False, False, False, True]


async def test_a_change_is_looked_at_again_soon() -> None:
    broken = set[str]()

    async def index() -> ProbeResult:
        return await crash() if broken else FINE

    health = HealthService({"vector_db": index}, utc_now)
    await health.start()
    broken.add("vector_db")
    await health.look()
    async with asyncio.timeout(8):
        while health.health().status is ComponentState.HEALTHY:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.05)
    assert health.health().components["vector_db"].code == "probe_failed"
    await health.stop()


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


async def test_each_state_says_since_when() -> None:
    clock, broken = Clock(), set[str]()

    async def index() -> ProbeResult:
        return await crash() if broken else FINE

    health = HealthService({"database": fine, "vector_db": index}, clock)
    await health.look()
    began, clock.now = clock.now, clock.now + timedelta(seconds=5)
    broken.add("vector_db")
    for _ in range(2):
        await health.look()
    changed, clock.now = clock.now, clock.now + timedelta(seconds=5)
    await health.look()
    since = health.health().since
    assert (since["database"], since["admin"]) == (began, began)
    assert (since["vector_db"], since["retrieve"]) == (changed, changed)


async def test_what_holds_the_server_back_counts_at_once_and_says_since_when() -> None:
    clock, limits = Clock(), [Limits()]
    health = HealthService({"database": fine}, clock, limits=lambda: limits[-1])
    await health.look()
    began, clock.now = clock.now, clock.now + timedelta(seconds=1)
    limits.append(Limits(read_only=True))
    found = health.health()
    assert found.capabilities["ingest"].state is CapabilityState.DOWN
    assert (found.since["ingest"], found.since["retrieve"]) == (clock.now, began)
    assert health.ready
    clock.now += timedelta(seconds=1)
    limits.append(Limits())
    await health.look()
    found = health.health()
    assert found.capabilities["ingest"].state is CapabilityState.OK
    assert found.since["ingest"] == clock.now


async def test_results_that_are_not_renewed_do_not_look_fresh() -> None:
    clock = Clock()
    health = HealthService({"database": fine}, clock)
    await health.look()
    looked, clock.now = clock.now, clock.now + timedelta(minutes=5)
    assert health.health().checked_at == looked
    await health.look()
    assert health.health().checked_at == clock.now


async def test_a_look_that_fails_is_not_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_INTERVAL", 0.001)
    looks, looked_again = list[int](), asyncio.Event()

    class Failing(HealthService):
        async def look(self) -> None:
            looks.append(1)
            if len(looks) == 2:
                raise RuntimeError("of a kind that nobody thought of")
            await super().look()
            if len(looks) == 3:
                looked_again.set()

    health = Failing({"database": fine}, utc_now)
    with capture_logs() as logs:
        await health.start()
        async with asyncio.timeout(10):
            await looked_again.wait()
        await health.stop()
    assert [record["event"] for record in logs] == ["health_look_failed"]


async def test_an_unreachable_database_is_cried_out_once_a_minute() -> None:
    clock = Clock()
    health = HealthService({"database": crash, "vector_db": crash}, clock)
    with capture_logs() as records:
        for _ in range(25):
            await health.look()
            clock.now += timedelta(seconds=5)
    cries = [record for record in records if record["event"] == "Database connection failed"]
    assert len(cries) == 3
    assert cries[0]["log_level"] == "error"
    assert "secret" not in str(cries)
