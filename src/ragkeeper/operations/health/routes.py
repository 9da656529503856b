"""`/health…` answers anybody, with states only; `/health/detailed` and `/status` need a key."""

import time
from typing import Any

from fastapi import APIRouter, Response

from ragkeeper.http.caller import CurrentCaller
from ragkeeper.operations.health.models import ComponentState
from ragkeeper.operations.health.ports import StatusSource
from ragkeeper.operations.health.rules import capabilities
from ragkeeper.operations.health.service import HealthService

_UNAVAILABLE = 503


def health_routes(health: HealthService, status: StatusSource, version: str) -> APIRouter:
    router = APIRouter(tags=["health"])
    started = time.monotonic()

    @router.get("/health")
    async def get_health(response: Response) -> dict[str, Any]:
        found = health.health()
        if found.status is ComponentState.UNHEALTHY:
            response.status_code = _UNAVAILABLE
        return {
            "status": found.status.value,
            "timestamp": found.checked_at.isoformat(),
            "version": version,
            "components": {name: result.state.value for name, result in found.components.items()},
        }

    @router.get("/health/live")
    async def get_live() -> dict[str, str]:
        # That this handler runs is the proof: the event loop moves. No dependency is asked.
        return {"status": "alive"}

    @router.get("/health/ready")
    async def get_ready(response: Response) -> dict[str, Any]:
        if not health.ready:
            response.status_code = _UNAVAILABLE
        able = capabilities(health.health().components)
        return {
            "ready": health.ready,
            "draining": health.draining,
            "capabilities": {name: state.value for name, state in able.items()},
        }

    @router.get("/health/detailed")
    async def get_detailed(caller: CurrentCaller) -> dict[str, Any]:
        caller.require_admin("see why a component is unwell")
        found = health.health()
        return {
            "status": found.status.value,
            "timestamp": found.checked_at.isoformat(),
            "version": version,
            "components": {
                name: {"state": result.state.value, "reason": result.reason}
                for name, result in found.components.items()
            },
        }

    @router.get("/status")
    async def get_status(caller: CurrentCaller) -> dict[str, Any]:
        caller.require_admin("see the server's status")
        return {
            "version": version,
            "uptime_seconds": round(time.monotonic() - started, 1),
            "health": health.health().status.value,
            **await status(),
        }

    return router
