"""`/api/v1/sources`, `/api/v1/syncs` and `POST /ingest`: administrators only."""

from fastapi import APIRouter, Response

from ragkeeper.http.caller import CurrentCaller
from ragkeeper.ingestion.sources.schemas import (
    DocumentsOfRemoved,
    IngestView,
    PlanView,
    RemovalView,
    SourceBody,
    SourceDetailView,
    SourcePatch,
    SourceView,
    SyncBody,
    SyncStartedView,
    SyncView,
)
from ragkeeper.ingestion.sources.service import SourceService

_ACCEPTED = 202


def source_routes(sources: SourceService) -> APIRouter:
    router = APIRouter(tags=["sources"])
    _add_collection(router, sources)
    _add_syncs(router, sources)
    return router


def _add_collection(router: APIRouter, sources: SourceService) -> None:
    @router.get("/api/v1/sources")
    async def list_sources(caller: CurrentCaller) -> list[SourceView]:
        """All of them, by name. Administrators only."""
        return [SourceView.of(state) for state in await sources.sources(caller)]

    @router.post("/api/v1/sources", status_code=201)
    async def add_source(caller: CurrentCaller, body: SourceBody) -> SourceDetailView:
        """Its documents are added in the name of who adds it. Nothing is read yet. Administrators only."""
        return SourceDetailView.of(await sources.add(caller, body.new_source()))

    @router.get("/api/v1/sources/{name}")
    async def get_source(caller: CurrentCaller, name: str) -> SourceDetailView:
        """With the first items that could not be read. Administrators only."""
        return SourceDetailView.of(await sources.get(caller, name))

    @router.patch("/api/v1/sources/{name}")
    async def change_source(caller: CurrentCaller, name: str, body: SourcePatch) -> SourceDetailView:
        """Change where it is, its options or its schedule; pause or resume it. Administrators only."""
        return SourceDetailView.of(await sources.change(caller, name, body.change()))

    @router.delete("/api/v1/sources/{name}")
    async def remove_source(
        caller: CurrentCaller,
        name: str,
        documents: DocumentsOfRemoved = DocumentsOfRemoved.KEEP,
        *,
        dry_run: bool = False,
    ) -> RemovalView:
        """Forget the source. Its documents stay, unless `documents=delete`. Administrators only."""
        gone = documents is DocumentsOfRemoved.DELETE
        if dry_run:
            return RemovalView.of(await sources.plan_removal(caller, name, documents=gone))
        return RemovalView.of(await sources.remove(caller, name, documents=gone))


def _add_syncs(router: APIRouter, sources: SourceService) -> None:
    @router.post("/api/v1/sources/{name}/sync", status_code=_ACCEPTED)
    async def sync_source(
        caller: CurrentCaller, name: str, response: Response, body: SyncBody | None = None
    ) -> SyncStartedView | PlanView:
        """Start a run, or name the one under way; with `dry_run` 200 and what a run would do. Administrators only."""
        wanted = body or SyncBody()
        if wanted.dry_run:
            response.status_code = 200
            return PlanView.of(await sources.plan(caller, name))
        return SyncStartedView(job_id=await sources.sync(caller, name, allow_removals=wanted.allow_removals))

    @router.get("/api/v1/syncs/{job_id}")
    async def get_sync(caller: CurrentCaller, job_id: str) -> SyncView:
        """How far a run, or the job of `POST /ingest`, is. Administrators only."""
        return SyncView.of(await sources.find_sync(caller, job_id))

    @router.post("/ingest", status_code=_ACCEPTED)
    async def sync_all(caller: CurrentCaller) -> IngestView:
        """Read every source again that is not paused; while that goes on, the same job. Administrators only."""
        started = await sources.sync_all(caller)
        return IngestView(job_id=started.job_id, job_ids=list(started.job_ids))
