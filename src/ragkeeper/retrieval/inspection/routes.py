"""`/api/v1/index/check` and `/api/v1/index/repair`: for administrators."""

from fastapi import APIRouter

from ragkeeper.http.caller import CurrentCaller
from ragkeeper.jobs.port import JobEngine
from ragkeeper.retrieval.inspection.models import REPAIR
from ragkeeper.retrieval.inspection.schemas import CheckBody, InspectionView, JobStarted
from ragkeeper.retrieval.inspection.service import IndexInspector


def inspection_routes(inspector: IndexInspector, engine: JobEngine) -> APIRouter:
    router = APIRouter(prefix="/api/v1/index", tags=["index"])

    @router.post("/check")
    async def check_index(caller: CurrentCaller, body: CheckBody) -> InspectionView:
        """Compare the index with the documents and change nothing; the result is kept for `/status`."""
        caller.require_admin("check the search index")
        return InspectionView.of(await inspector.inspect_and_keep(deep=body.deep, examples=body.examples))

    @router.post("/repair", status_code=202)
    async def repair_index(caller: CurrentCaller) -> JobStarted:
        """Mend what a check finds, as far as that can be done; a job."""
        caller.require_admin("repair the search index")
        return JobStarted(job_id=await engine.submit(REPAIR, None))

    return router
