"""Background work for sources: synchronisations, their schedules, and folders that are watched."""

import asyncio
from functools import partial
from pathlib import Path

from ragkeeper.ingestion.sources.models import DUE_JOB, SYNC_ALL_JOB, SYNC_JOB, Run, Source, SourceKind
from ragkeeper.ingestion.sources.service import SourceService
from ragkeeper.ingestion.sources.watching import FolderWatcher, Watched
from ragkeeper.jobs.port import JobEngine, JobRun, Json, Schedule

_LOOK_EVERY = 0.5  # seconds


class SourceJobs:
    """Made before the engine starts: it says to it who does these kinds of jobs. data_folder: the server's own."""

    def __init__(self, engine: JobEngine, service: SourceService, data_folder: Path) -> None:
        self._engine = engine
        self._service = service
        self._watcher = FolderWatcher(service.watching, data_folder)
        self._syncing: dict[str, asyncio.Lock] = {}
        self._refreshing = asyncio.Lock()
        # A large site is read for hours: nothing but other sources waits for that.
        engine.handle(SYNC_JOB, self._sync, lane="syncs")
        engine.handle(DUE_JOB, self._due)
        engine.handle(SYNC_ALL_JOB, self._sync_all)
        service.changed = self.refresh

    async def start(self) -> None:
        await self.refresh()

    async def stop(self) -> None:
        await self._watcher.stop()

    async def refresh(self) -> None:
        """Schedules and watched folders as the sources now say."""
        async with self._refreshing:
            active = [source for source in await self._service.all_sources() if not source.paused]
            await self._engine.set_schedules(DUE_JOB, [one for source in active for one in _schedules(source)])
            await self._watcher.watch(
                {
                    source.id: Watched(Path(source.location), partial(self._sync_soon, source.id))
                    for source in active
                    if source.kind is SourceKind.FOLDER and source.options.get("watch") is True
                }
            )

    async def _sync(self, run: JobRun, argument: Json) -> Json:
        source_id, allowed = _argument(argument)
        # One at a time, whoever submitted them.
        async with self._syncing.setdefault(source_id, asyncio.Lock()):
            take_in = partial(self._take_in, source_id, run.job_id, allowed)
            gone = await run.step("take_in", take_in)
            keys = [str(key) for key in gone] if isinstance(gone, list) else []
            n_removed = await run.step("remove", partial(self._remove, source_id, run.job_id, keys))
            count = n_removed if isinstance(n_removed, int) else 0
            return await run.step("end", partial(self._end, source_id, run.job_id, count))

    async def _take_in(self, source_id: str, job_id: str, allowed: bool) -> Json:
        return list(await self._service.take_in(source_id, job_id, allow_removals=allowed))

    async def _remove(self, source_id: str, job_id: str, keys: list[str]) -> Json:
        return await self._service.remove_gone(source_id, job_id, keys)

    async def _end(self, source_id: str, job_id: str, n_removed: int) -> Json:
        return _counts(await self._service.end(source_id, job_id, n_removed))

    async def _due(self, run: JobRun, argument: Json) -> Json:
        source_id, _ = _argument(argument)
        return await run.step("ask", partial(self._service.sync_due, source_id))

    async def _sync_all(self, run: JobRun, argument: Json) -> Json:
        found = argument.get("jobs") if isinstance(argument, dict) else None
        ids = [str(one) for one in found] if isinstance(found, list) else []
        return await run.step("wait", partial(self._wait, ids))

    async def _wait(self, job_ids: list[str]) -> Json:
        """Until each has ended; how they did, by id."""
        outcomes: dict[str, Json] = {}
        while waiting := [job_id for job_id in job_ids if job_id not in outcomes]:
            for job_id in waiting:
                job = await self._engine.find(job_id)
                if job is None or job.state.is_final:
                    outcomes[job_id] = "unknown" if job is None else job.code or job.state.value
            await asyncio.sleep(_LOOK_EVERY if len(outcomes) < len(job_ids) else 0)
        return outcomes

    async def _sync_soon(self, source_id: str) -> None:
        """After the run that is under way, if there is one: it may have passed by what has changed."""
        while self._service.held() or await self._service.under_way(source_id):  # noqa: ASYNC110 - its end is the engine's, which is asked
            await asyncio.sleep(_LOOK_EVERY)
        await self._service.sync_due(source_id)


def _argument(argument: Json) -> tuple[str, bool]:
    given = argument if isinstance(argument, dict) else {}
    return str(given.get("source")), given.get("allow_removals") is True


def _schedules(source: Source) -> list[Schedule]:
    if source.schedule is None:
        return []
    since = source.last_run.began_at if source.last_run else source.created_at
    return [Schedule(f"source-{source.id}", source.schedule, DUE_JOB, {"source": source.id}, since)]


def _counts(run: Run) -> Json:
    return {
        "items": run.items,
        "added": run.added,
        "updated": run.updated,
        "removed": run.removed,
        "failed": run.failed,
    }
