import asyncio

from ragkeeper.core.clock import utc_now
from ragkeeper.operations.health.models import ComponentState, ProbeResult
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
    await health.look()
    assert health.health().status is ComponentState.HEALTHY
    assert len(asked) == 1
