"""`/api/v1/search`: any caller with a key; results only from collections it may read."""

from typing import Annotated

from fastapi import APIRouter, Query

from ragkeeper.http.caller import CurrentCaller
from ragkeeper.retrieval.models import SearchMode, SearchRequest
from ragkeeper.retrieval.schemas import SearchBody, SearchView
from ragkeeper.retrieval.service import RetrievalService


def search_routes(retrieval: RetrievalService) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["search"])

    @router.post("/search")
    async def search(caller: CurrentCaller, body: SearchBody) -> SearchView:
        return SearchView.of(await retrieval.search(caller, body.request()))

    @router.get("/search")
    async def search_by_address(
        caller: CurrentCaller,
        query: str,
        top_k: Annotated[int | None, Query(ge=1, le=200)] = None,
        collection: str | None = None,
        mode: SearchMode = SearchMode.HYBRID,
    ) -> SearchView:
        return SearchView.of(await retrieval.search(caller, SearchRequest(query, top_k, collection, mode)))

    return router
