"""`GET /metrics`: whoever asks from this machine, the holder of the metrics token, and administrators."""

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response

from ragkeeper.core.metrics import CONTENT_TYPE, Metrics
from ragkeeper.http.caller import authenticate
from ragkeeper.http.errors import NotAuthenticated
from ragkeeper.operations.metrics.rules import asks_from_this_machine, holds_token


def metrics_routes(metrics: Metrics, token: str, refresh: Callable[[], Awaitable[None]]) -> APIRouter:
    """token: of RAG_METRICS_TOKEN, empty where none is set. refresh: sets what is looked up for each scrape."""
    router = APIRouter(tags=["metrics"])

    @router.get("/metrics", response_class=Response)
    async def get_metrics(request: Request) -> Response:
        """Every figure in Prometheus' text format; from another machine with a key or the metrics token."""
        await _require_reader(request, token)
        await refresh()
        return Response(await asyncio.to_thread(metrics.scrape), media_type=CONTENT_TYPE)

    return router


async def _require_reader(request: Request, token: str) -> None:
    client = request.client.host if request.client else None
    if asks_from_this_machine(client, request.headers):
        return
    if holds_token(request.headers.get("authorization", ""), token):
        return
    caller = await authenticate(request.app.state.authenticator, request.headers)
    if caller is None:
        raise NotAuthenticated
    caller.require_admin("read the metrics")
