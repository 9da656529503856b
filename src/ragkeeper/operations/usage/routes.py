"""`/admin/stats`: for administrators."""

from collections.abc import Callable, Iterable
from datetime import datetime

from fastapi import APIRouter
from prometheus_client.metrics_core import Metric as Family

from ragkeeper.http.caller import CurrentCaller
from ragkeeper.operations.usage import rules
from ragkeeper.operations.usage.schemas import RouteUseView, StatsView


def usage_routes(families: Callable[[], Iterable[Family]], clock: Callable[[], datetime]) -> APIRouter:
    """families: all figures, as a scrape has them."""
    router = APIRouter(prefix="/admin/stats", tags=["administration"])
    began = clock()

    @router.get("")
    async def get_stats(caller: CurrentCaller) -> StatsView:
        """Which routes are used, how often and by which kind of caller; probes apart. Administrators only."""
        caller.require_admin("see how the server is used")
        return StatsView(since=began, routes=[RouteUseView.of(use) for use in rules.routes(families())])

    return router
