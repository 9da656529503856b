"""Synchronisations among the jobs that people look at: the newest run of each source."""

from ragkeeper.core.access import Caller
from ragkeeper.ingestion.progress.errors import JobUnknown
from ragkeeper.ingestion.progress.models import Job, JobKind, JobState
from ragkeeper.ingestion.sources.models import Run, RunState, SourceState
from ragkeeper.ingestion.sources.service import SourceService

_WHOLE = 100


class SyncListing:
    """Implements `ingestion.progress.ports.Syncs`."""

    def __init__(self, sources: SourceService) -> None:
        self._sources = sources

    async def jobs(self, caller: Caller) -> list[Job]:
        if not caller.is_admin:
            return []
        found = [sync_job(state) for state in await self._sources.sources(caller)]
        return [job for job in found if job is not None]

    async def cancel(self, caller: Caller, job_id: str) -> None:
        await self._sources.cancel_sync(caller, job_id)

    async def repeat(self, caller: Caller, job_id: str) -> str:
        job = next((job for job in await self.jobs(caller) if job.id == job_id), None)
        if job is None:
            raise JobUnknown(id=job_id)
        return await self._sources.sync(caller, job.name)


def sync_job(state: SourceState) -> Job | None:
    """None for a source that was never read."""
    run, run_state = state.source.last_run, state.run_state
    if run is None or run_state is None:
        return None
    return Job(
        id=run.job_id,
        document_id=None,
        name=state.source.name,
        collection=state.source.collection,
        state=JobState(run_state.value),
        percent=_percent(run, run_state),
        message=_message(run),
        reason=_reason(state, run, run_state),
        position=None,
        until=None,
        attempts=run.attempts,
        problem=run.problem,
        created_at=run.began_at,
        searchable_at=None,
        finished_at=run.ended_at,
        kind=JobKind.SYNC,
    )


def _percent(run: Run, state: RunState) -> int:
    """How many items there are is known by the run before only; all of them are there when it is done."""
    if state is RunState.DONE:
        return _WHOLE
    return min(_WHOLE * run.items // run.expected, _WHOLE - 1) if run.expected else 0


def _message(run: Run) -> str:
    counts = {"added": run.added, "updated": run.updated, "removed": run.removed, "failed": run.failed}
    told = "".join(f", {count:,} {name}" for name, count in counts.items() if count)
    return f"{run.items:,} items read{told}"


def _reason(state: SourceState, run: Run, run_state: RunState) -> str:
    match run_state:
        case RunState.QUEUED:
            return "Other sources are read first; a few are read at once."
        case RunState.WAITING:
            return f"{state.waits_for} It goes on by itself afterwards."
        case RunState.FAILED if run.problem:
            return run.problem.message
        case _:
            return ""
