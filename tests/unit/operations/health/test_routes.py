"""What the routes of health say, and by which status."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from ragkeeper.core.access import local_administrator
from ragkeeper.core.clock import utc_now
from ragkeeper.http.errors import install_error_handlers
from ragkeeper.operations.health.models import ComponentState, Limits, ProbeResult
from ragkeeper.operations.health.routes import health_routes
from ragkeeper.operations.health.service import HealthService
from ragkeeper.operations.health.watchdog import LoopState, Watchdog


async def fine() -> ProbeResult:
    return ProbeResult(ComponentState.HEALTHY)


async def low() -> ProbeResult:
    return ProbeResult(ComponentState.DEGRADED, "files: full", "disk_space_low")


async def nothing() -> dict[str, Any]:
    return {}


async def details() -> dict[str, Any]:
    return {"degradation": {"step": "read_only"}}


class Everybody:
    async def caller(self, _key: str) -> object:
        return local_administrator()


@pytest.fixture
def health() -> HealthService:
    return HealthService({"database": fine, "disk": low}, utc_now, limits=lambda: Limits(read_only=True))


@pytest.fixture
def client(health: HealthService) -> httpx.AsyncClient:
    app = FastAPI()
    app.state.authenticator = Everybody()
    install_error_handlers(app)
    app.include_router(health_routes(health, nothing, nothing, "1", details=details))
    headers = {"X-API-Key": "k"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost", headers=headers)


@pytest.mark.parametrize(("stuck", "status", "said"), [(False, 200, "alive"), (True, 503, "stuck")])
async def test_a_loop_on_which_everything_is_late_is_not_alive(
    stuck: bool, status: int, said: str, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Watchdog, "state", LoopState(9.0, 9.0, stuck))
    for method in ("GET", "HEAD"):
        answer = await client.request(method, "/health/live")
        assert answer.status_code == status
        assert method == "HEAD" or answer.json() == {"status": said}


async def test_capabilities_are_told_with_their_reasons_to_strangers_and_administrators(
    health: HealthService, client: httpx.AsyncClient
) -> None:
    await health.look()
    ready = await client.get("/health/ready")
    able = ready.json()["capabilities"]
    assert ready.status_code == 200
    assert (able["ingest"]["state"], able["ingest"]["reason"]) == ("down", "degradation: read_only, disk: degraded")
    assert able["retrieve"]["state"] == "ok"
    detailed = (await client.get("/health/detailed")).json()
    assert detailed["capabilities"] == able
    assert detailed["degradation"] == {"step": "read_only"}
