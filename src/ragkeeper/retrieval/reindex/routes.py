"""`/api/v1/index`: what serves, what is being built, and an undo; for administrators."""

from fastapi import APIRouter

from ragkeeper.core.errors import NotFound
from ragkeeper.http.caller import CurrentCaller
from ragkeeper.retrieval.reindex.models import KIND
from ragkeeper.retrieval.reindex.schemas import (
    CancelledView,
    EstimateView,
    IndexJobView,
    IndexView,
    RebuildBody,
    RebuildView,
)
from ragkeeper.retrieval.reindex.service import ReindexService


def index_routes(reindex: ReindexService) -> APIRouter:
    router = APIRouter(prefix="/api/v1/index", tags=["index"])

    @router.get("")
    async def get_index(caller: CurrentCaller) -> IndexView:
        caller.require_admin("look at the search index")
        return IndexView.of(await reindex.state())

    @router.post("/rebuild", status_code=202)
    async def rebuild_index(caller: CurrentCaller, body: RebuildBody) -> RebuildView:
        """Build the index anew beside the one that serves, for the same embedding model or another; a job."""
        estimate = EstimateView.of(await reindex.estimate(caller, body.embedding_model))
        if body.dry_run:
            return RebuildView(job_id=None, estimate=estimate)
        job_id = await reindex.begin(caller, body.embedding_model, body.gate(), body.judged())
        return RebuildView(job_id=job_id, estimate=estimate)

    @router.post("/rollback")
    async def roll_back(caller: CurrentCaller) -> IndexView:
        """Let the kept index serve again, and its embedding model with it."""
        await reindex.roll_back(caller)
        return IndexView.of(await reindex.state())

    @router.post("/finish")
    async def finish(caller: CurrentCaller) -> IndexView:
        """Remove the kept index, and the vectors of every model but the one that serves."""
        await reindex.finish(caller)
        return IndexView.of(await reindex.state())

    @router.post("/cancel")
    async def cancel(caller: CurrentCaller) -> CancelledView:
        """Stop building; what was built is removed, vectors of another model are kept."""
        return CancelledView(cancelled=await reindex.cancel(caller))

    @router.get("/jobs/{job_id}")
    async def get_index_job(caller: CurrentCaller, job_id: str) -> IndexJobView:
        job, progress = await reindex.job(caller, job_id)
        if job is None or not job.kind.startswith((KIND, "index_")):
            raise NotFound(kind="job of the index", id=job_id)
        return IndexJobView.of(job, progress)

    return router
