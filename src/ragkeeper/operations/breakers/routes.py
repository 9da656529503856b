"""`/admin/breakers`: for administrators."""

from fastapi import APIRouter

from ragkeeper.http.caller import CurrentCaller
from ragkeeper.operations.breakers.schemas import BreakerBody, BreakerView
from ragkeeper.operations.breakers.service import BreakerService


def breaker_routes(breakers: BreakerService) -> APIRouter:
    router = APIRouter(prefix="/admin/breakers", tags=["administration"])

    @router.get("")
    async def list_breakers(caller: CurrentCaller) -> list[BreakerView]:
        """Each model provider as its calls showed it; no call is made for this. Administrators only."""
        return [BreakerView.of(state) for state in await breakers.states(caller)]

    @router.post("/{name}")
    async def set_breaker(caller: CurrentCaller, name: str, body: BreakerBody) -> list[BreakerView]:
        """Open, close or free a breaker, or all of a provider; recorded with who did it. Administrators only."""
        return [BreakerView.of(state) for state in await breakers.act(caller, name, body.act, body.reason)]

    return router
