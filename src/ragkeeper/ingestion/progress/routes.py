"""`/api/v1/jobs`: any caller with a key, within its access lists; pausing is an administrator's."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from ragkeeper.core.access import Caller
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.http.caller import CurrentCaller
from ragkeeper.http.errors import problem, request_id
from ragkeeper.http.paging import Cursor, Limit, Page, decode_cursor, page_of
from ragkeeper.http.sse import event, event_stream
from ragkeeper.ingestion.progress.models import JobKind, JobState, Wanted
from ragkeeper.ingestion.progress.schemas import DiscardedView, HistoryView, JobView, PausedView, RetriedView, RetryBody
from ragkeeper.ingestion.progress.service import ProgressService


def job_routes(progress: ProgressService) -> APIRouter:
    router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])

    @router.get("")
    async def list_jobs(
        caller: CurrentCaller,
        state: JobState | None = None,
        kind: JobKind | None = None,
        collection: str | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[JobView]:
        """Newest first: documents, and the last run of each source."""
        wanted = Wanted(state, kind, collection)
        rows = await progress.jobs(caller, wanted, after=decode_cursor(cursor), limit=limit + 1)
        return page_of(rows, limit, JobView.of, lambda job: job.id)

    @router.post("/retry")
    async def retry_failed(caller: CurrentCaller, body: RetryBody) -> RetriedView:
        """Try every failed job again, or those that failed with one code."""
        return RetriedView(retried=await progress.retry_failed(caller, body.code))

    @router.post("/pause")
    async def pause(caller: CurrentCaller) -> PausedView:
        """Begin to read no more files; uploads are still accepted, searches and answers go on."""
        return PausedView(paused=await progress.set_paused(caller, paused=True))

    @router.post("/resume")
    async def resume(caller: CurrentCaller) -> PausedView:
        return PausedView(paused=await progress.set_paused(caller, paused=False))

    @router.get("/{job_id}")
    async def get_job(caller: CurrentCaller, job_id: str) -> JobView:
        return JobView.of(await progress.job(caller, job_id))

    @router.get("/{job_id}/history")
    async def get_history(caller: CurrentCaller, job_id: str) -> HistoryView:
        return HistoryView.of(await progress.history(caller, job_id))

    @router.get("/{job_id}/events")
    async def follow_job(caller: CurrentCaller, request: Request, job_id: str) -> StreamingResponse:
        """An event `progress` for each change, the last one in a final state; `error` if the job goes meanwhile."""
        await progress.job(caller, job_id)
        return event_stream(_events(progress, caller, job_id, request_id(request)))

    _add_steering(router, progress)
    return router


def _add_steering(router: APIRouter, progress: ProgressService) -> None:
    @router.post("/{job_id}/cancel")
    async def cancel_job(caller: CurrentCaller, job_id: str) -> JobView:
        return JobView.of(await progress.cancel(caller, job_id))

    @router.post("/{job_id}/discard")
    async def discard_job(caller: CurrentCaller, job_id: str) -> DiscardedView:
        """Give up a failed or cancelled job: its version goes, and with its only version the document."""
        return DiscardedView.of(await progress.discard(caller, job_id))

    @router.post("/{job_id}/retry")
    async def retry_job(caller: CurrentCaller, job_id: str) -> JobView:
        return JobView.of(await progress.retry(caller, job_id))


async def _events(progress: ProgressService, caller: Caller, job_id: str, request: str) -> AsyncIterator[bytes]:
    try:
        async with aclosing(progress.follow(caller, job_id)) as jobs:
            async for job in jobs:
                yield event("progress", JobView.of(job).model_dump(mode="json"))
    except RagkeeperError as error:
        yield event("error", problem(error, request))
