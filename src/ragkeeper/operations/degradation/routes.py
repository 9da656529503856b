"""`/admin/degradation`: which step is in force, and forcing one. For administrators."""

from datetime import timedelta

from fastapi import APIRouter

from ragkeeper.http.caller import CurrentCaller
from ragkeeper.operations.degradation.schemas import DegradationView, ForceBody
from ragkeeper.operations.degradation.service import DegradationService

PATH = "/admin/degradation"


def degradation_routes(degradation: DegradationService) -> APIRouter:
    router = APIRouter(tags=["administration"])

    @router.get(PATH)
    async def get_degradation(caller: CurrentCaller) -> DegradationView:
        caller.require_admin("see why the server is degraded")
        return DegradationView.of(degradation.now)

    @router.post(PATH)
    async def force_degradation(caller: CurrentCaller, body: ForceBody) -> DegradationView:
        """Hold the server to this step; it ends by itself after its time, and survives a restart."""
        forced = await degradation.force(caller, body.step, timedelta(seconds=body.seconds), body.reason)
        return DegradationView.of(forced)

    @router.delete(PATH)
    async def end_degradation(caller: CurrentCaller) -> DegradationView:
        """End what was forced; what is missing by itself goes on to count."""
        return DegradationView.of(await degradation.automatic(caller))

    return router
