"""`/admin/diagnose…`: for administrators."""

from typing import Annotated

from fastapi import APIRouter, Query

from ragkeeper.http.caller import CurrentCaller
from ragkeeper.operations.diagnose.schemas import AllocationView, RememberedView
from ragkeeper.operations.diagnose.service import DiagnosisService

_ACTION = "diagnose the server"

Seconds = Annotated[float, Query(gt=0, le=86_400)]


def diagnose_routes(diagnosis: DiagnosisService) -> APIRouter:
    router = APIRouter(prefix="/admin/diagnose", tags=["administration"])

    @router.get("/performance")
    async def get_performance(caller: CurrentCaller) -> RememberedView:
        """Slow SQL statements without values, and the stages of searches and answers. Administrators only."""
        caller.require_admin(_ACTION)
        return RememberedView.of(await diagnosis.remembered())

    @router.get("/collector")
    async def get_collector(caller: CurrentCaller) -> dict[str, int]:
        """What the garbage collector did. Administrators only."""
        caller.require_admin(_ACTION)
        return diagnosis.collector()

    @router.post("/allocations")
    async def begin_allocations(caller: CurrentCaller, seconds: Seconds = 1800.0) -> dict[str, bool]:
        """Follow every allocation from here on: the server is slower until that ends. Administrators only.

        It ends by itself ten minutes after `seconds` have passed.
        """
        caller.require_admin(_ACTION)
        await diagnosis.trace(seconds)
        return {"tracing": True}

    @router.get("/allocations")
    async def get_allocations(caller: CurrentCaller) -> list[AllocationView]:
        """The lines of code whose memory grew most since then. Administrators only."""
        caller.require_admin(_ACTION)
        return [AllocationView.of(one) for one in await diagnosis.grown()]

    @router.delete("/allocations")
    async def end_allocations(caller: CurrentCaller) -> dict[str, bool]:
        """Follow allocations no more. Administrators only."""
        caller.require_admin(_ACTION)
        diagnosis.end_trace()
        return {"tracing": False}

    return router
