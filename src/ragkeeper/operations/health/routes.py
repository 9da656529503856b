"""`/health…` answers anybody, with states only; `/health/detailed` and `/status` need a key.

What anybody may ask answers HEAD too: many who watch web sites ask so, and look at the status alone.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Response

from ragkeeper.http.caller import CurrentCaller
from ragkeeper.operations.health.models import Capability, ComponentState, Health
from ragkeeper.operations.health.ports import StatusSource
from ragkeeper.operations.health.service import HealthService

_UNAVAILABLE = 503


def health_routes(
    health: HealthService,
    status: StatusSource,
    providers: StatusSource,
    version: str,
    degradation: Callable[[], dict[str, Any] | None] = lambda: None,
    details: StatusSource | None = None,
) -> APIRouter:
    """providers: how each model provider is, by name, from calls that were made anyway.

    degradation: the step in force and why, without reasons; details: what `/health/detailed` says besides the parts.
    """
    router = APIRouter(tags=["health"])
    _add_public(router, health, version, degradation)
    _add_detailed(router, health, status, providers, version, details)
    return router


def _add_public(
    router: APIRouter, health: HealthService, version: str, degradation: Callable[[], dict[str, Any] | None]
) -> None:
    @router.get("/health")
    @router.head("/health", include_in_schema=False)
    async def get_health(response: Response) -> dict[str, Any]:
        """The state of each part for everybody, with a stable code where it is unwell and never a reason."""
        found = health.health()
        if found.status is ComponentState.UNHEALTHY:
            response.status_code = _UNAVAILABLE
        return {
            **_summary(found, version),
            "components": {name: result.state.value for name, result in found.components.items()},
            "codes": {name: result.code for name, result in found.components.items() if result.code},
        }

    @router.get("/health/live")
    @router.head("/health/live", include_in_schema=False)
    async def get_live(response: Response) -> dict[str, str]:
        """Answered by the event loop alone: no dependency is asked. 503 while nothing on it gets done in time."""
        # Mostly the proof is that this handler runs. A loop that stands still answers nobody, 503 neither.
        stuck = health.watchdog.state.stuck
        if stuck:
            response.status_code = _UNAVAILABLE
        return {"status": "stuck" if stuck else "alive"}

    @router.get("/health/ready")
    @router.head("/health/ready", include_in_schema=False)
    async def get_ready(response: Response) -> dict[str, Any]:
        """200 while something useful can be done, 503 otherwise and while starting or stopping."""
        if not health.ready:
            response.status_code = _UNAVAILABLE
        return {
            "ready": health.ready,
            "starting": health.starting,
            "draining": health.draining,
            "capabilities": _capabilities(health.health()),
            "degradation": degradation(),
        }


def _add_detailed(
    router: APIRouter,
    health: HealthService,
    status: StatusSource,
    providers: StatusSource,
    version: str,
    details: StatusSource | None,
) -> None:
    started = time.monotonic()

    @router.get("/health/detailed")
    async def get_detailed(caller: CurrentCaller) -> dict[str, Any]:
        caller.require_admin("see why a component is unwell")
        found = health.health()
        return {
            **_summary(found, version),
            "components": _components(found),
            "capabilities": _capabilities(found),
            "providers": await providers(),
            "machine": asdict(figures) if (figures := health.machine()) else None,
            **(await details() if details else {}),
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


def _summary(found: Health, version: str) -> dict[str, Any]:
    return {"status": found.status.value, "timestamp": found.checked_at.isoformat(), "version": version}


def _components(found: Health) -> dict[str, Any]:
    return {
        name: {
            "state": result.state.value,
            "code": result.code,
            "reason": result.reason,
            "since": found.since[name].isoformat(),
        }
        for name, result in found.components.items()
    }


def _because(able: Capability, found: Health) -> list[str]:
    parts = [f"{part}: {found.components[part].state.value}" for part in able.because]
    return [able.held, *parts] if able.held else parts


def _capabilities(found: Health) -> dict[str, Any]:
    return {
        name: {
            "state": able.state.value,
            "reason": ", ".join(_because(able, found)),
            "since": found.since[name].isoformat() if name in found.since else None,
        }
        for name, able in found.capabilities.items()
    }
