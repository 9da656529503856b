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
