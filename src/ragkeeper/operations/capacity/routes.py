"""`GET /admin/capacity`: for administrators."""

from typing import Annotated

from fastapi import APIRouter, Query

from ragkeeper.core.clock import utc_now
from ragkeeper.http.caller import CurrentCaller
from ragkeeper.operations.capacity.models import FEWEST_DAYS
from ragkeeper.operations.capacity.schemas import CapacityView
from ragkeeper.operations.capacity.service import CapacityService

Days = Annotated[int, Query(ge=FEWEST_DAYS, le=366, description="Whole days to look back.")]
Ahead = Annotated[int, Query(ge=1, le=366, description="Days to look forward.")]


def capacity_routes(capacity: CapacityService) -> APIRouter:
    router = APIRouter(prefix="/admin/capacity", tags=["administration"])

    @router.get("")
    async def get_capacity(caller: CurrentCaller, days: Days = 30, ahead: Ahead = 90) -> CapacityView:
        """Growth of what the server uses, where it leads, and what runs out first. Administrators only."""
        caller.require_admin("see the capacity report")
        return CapacityView.of(await capacity.report(days, ahead), utc_now())

    return router
