"""Use cases about sources. Each is an administrator's; what a run does, it does in the name of who added the source."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from ragkeeper.core.access import Caller
from ragkeeper.core.clock import Clock
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.ids import new_id
from ragkeeper.documents.models import Problem
from ragkeeper.documents.service import DocumentService
from ragkeeper.ingestion.sources import repository
from ragkeeper.ingestion.sources.errors import (
    SourceExists,
    SourcePaused,
    SourceUnknown,
    SyncUnderWay,
    SyncUnknown,
)
from ragkeeper.ingestion.sources.models import (
    SYNC_ALL_JOB,
    SYNC_JOB,
    ItemCounts,
    NewSource,
    Plan,
    Removal,
    Run,
    RunState,
    Source,
    SourceChange,
    SourceState,
    Watching,
)
from ragkeeper.ingestion.sources.options import checked_options
from ragkeeper.ingestion.sources.ports import Connect, Forget
from ragkeeper.ingestion.sources.sync import Synchronizer, problem_of
from ragkeeper.jobs.cron import check_cron
from ragkeeper.jobs.errors import JobsUnavailable
from ragkeeper.jobs.port import DurableJob, JobEngine, Json
from ragkeeper.storage.sql.database import Database

_SHOWN_FAILURES = 100
_SYNC_KINDS = frozenset({SYNC_JOB, SYNC_ALL_JOB})


@dataclass(frozen=True, slots=True)
class AllSyncs:
    """job_id: of the job that lasts until the others have ended."""

    job_id: str
    job_ids: tuple[str, ...]


async def _nobody_told() -> None:
    """Until somebody wants to know of changes."""


class SourceService:
    def __init__(
        self,
        database: Database,
        documents: DocumentService,
        synchronizer: Synchronizer,
        engine: JobEngine,
        connect: Connect,
        forget: Forget,
        clock: Clock,
    ) -> None:
        self._database = database
        self._documents = documents
        self._synchronizer = synchronizer
        self._engine = engine
        self._connect = connect
        self._forget = forget
        self._clock = clock
        self._asking = asyncio.Lock()
        self.changed: Callable[[], Awaitable[None]] = _nobody_told
        self.held: Callable[[], str] = lambda: ""
        """Why nothing may be taken in at this moment, empty when something may."""
        self.watching: dict[str, Watching] = {}
        """By source id; kept by who watches."""

    # --- what there is

    async def sources(self, caller: Caller) -> list[SourceState]:
        """By name."""
        caller.require_admin("see the sources")
        async with self._database.read() as sql:
            found = await repository.list_sources(sql)
            counts = await repository.count_items(sql)
        return [await self._state(source, counts.get(source.id)) for source in found]

    async def get(self, caller: Caller, name: str) -> SourceState:
        """Raises SourceUnknown."""
        caller.require_admin("see the sources")
        source = await self._find(name)
        async with self._database.read() as sql:
            counts = await repository.count_items(sql)
            failed = await repository.failed_items(sql, source.id, _SHOWN_FAILURES)
        return replace(await self._state(source, counts.get(source.id)), failed=tuple(failed))

    # --- adding, changing, removing

    async def add(self, caller: Caller, new: NewSource) -> SourceState:
        """Looks at nothing yet. Raises SourceExists, SourceError, CronInvalid, CollectionUnknown."""
        caller.require_admin("add sources")
        source = Source(
            id=new_id(),
            name=new.name,
            kind=new.kind,
            location=new.location,
            options=checked_options(new.kind, new.options),
            collection_id=await self._documents.writable_collection(caller, new.collection),
            collection=new.collection,
            schedule=new.schedule or None,
            paused=False,
            created_by=caller.id,
            created_at=self._clock(),
        )
        await self._check(source)
        async with self._database.write() as sql:
            if await repository.find_source(sql, new.name) is not None:
                raise SourceExists(name=new.name)
            await repository.add_source(sql, source)
        await self.changed()
        return await self.get(caller, new.name)

    async def change(self, caller: Caller, name: str, change: SourceChange) -> SourceState:
        """Raises SourceUnknown, SourceError, CronInvalid."""
        caller.require_admin("change sources")
        source = _changed(await self._find(name), change)
        await self._check(source)
        async with self._database.write() as sql:
            await repository.change_source(sql, source)
        await self.changed()
        return await self.get(caller, name)

    async def plan_removal(self, caller: Caller, name: str, *, documents: bool) -> Removal:
        """What `remove` would do; changes nothing. Raises SourceUnknown."""
        caller.require_admin("remove sources")
        source = await self._find(name)
        n_documents = await self._synchronizer.count_documents(source)
        return Removal(name, n_documents if documents else 0, 0 if documents else n_documents)

    async def remove(self, caller: Caller, name: str, *, documents: bool) -> Removal:
        """Forget a source; its documents stay unless `documents`. Raises SourceUnknown.

        After a crash the source is still there, paused, with what is left of its documents.
        """
        caller.require_admin("remove sources")
        plan = await self.plan_removal(caller, name, documents=documents)
        source = await self._stopped(name)
        n_deleted = await self._synchronizer.delete_documents(source, caller) if documents else 0
        async with self._database.write() as sql:
            await repository.remove_source(sql, source.id)
        await self._forget(source)
        await self.changed()
        return replace(plan, deleted=n_deleted)

    # --- synchronising

    async def plan(self, caller: Caller, name: str) -> Plan:
        """What a synchronisation would do now; changes nothing. Raises SourceUnknown, SourceError."""
        caller.require_admin("synchronise sources")
        return await self._synchronizer.plan(await self._find(name))

    async def sync(self, caller: Caller, name: str, *, allow_removals: bool = False) -> str:
        """The id of the job that does it: the one under way, if there is one.

        Raises SourceUnknown, SourcePaused, and SyncUnderWay when removals are to be allowed and that one does not.
        """
        caller.require_admin("synchronise sources")
        async with self._asking:
            return await self._request(await self._find(name), allow_removals=allow_removals)

    async def sync_all(self, caller: Caller) -> AllSyncs:
        """Synchronise every source that is not paused; while that goes on, the same job again."""
        caller.require_admin("synchronise sources")
        async with self._asking:
            for job in await self._engine.jobs(SYNC_ALL_JOB, 1):
                if not job.state.is_final:
                    return AllSyncs(job.id, _job_ids(job))
            async with self._database.read() as sql:
                found = await repository.list_sources(sql)
            ids = [await self._request(source) for source in found if not source.paused]
            return AllSyncs(await self._engine.submit(SYNC_ALL_JOB, {"jobs": list(ids)}), tuple(ids))

    async def find_sync(self, caller: Caller, job_id: str) -> DurableJob:
        """Raises SyncUnknown."""
        caller.require_admin("see synchronisations")
        job = await self._engine.find(job_id)
        if job is None or job.kind not in _SYNC_KINDS:
            raise SyncUnknown(id=job_id)
        return job

    async def cancel_sync(self, caller: Caller, job_id: str) -> None:
        """What was taken in by then stays. Raises SyncUnknown."""
        job = await self.find_sync(caller, job_id)
        await self._engine.cancel(job.id)

    # --- for jobs: nobody asks, the source's own owner acts

    async def all_sources(self) -> list[Source]:
        async with self._database.read() as sql:
            return await repository.list_sources(sql)

    async def sync_due(self, source_id: str) -> str | None:
        """Ask for a synchronisation unless the source is paused or gone, or nothing may be taken in; the job's id."""
        if self.held():
            return None
        async with self._asking:
            source = await self._find_by_id(source_id)
            return await self._request(source) if source is not None and not source.paused else None

    async def under_way(self, source_id: str) -> bool:
        source = await self._find_by_id(source_id)
        return source is not None and await self._job_under_way(source) is not None

    async def take_in(self, source_id: str, job_id: str, *, allow_removals: bool) -> list[str]:
        """Step 1 of a run: keys of what is gone. Raises what ended the run, and notes it."""
        source = await self._required(source_id)
        run = _run_of(source, job_id) or Run(job_id, self._clock(), allow_removals)
        run = replace(run, attempts=run.attempts + 1)
        async with self._database.write() as sql:
            await repository.save_run(sql, source_id, run)
        try:
            return await self._synchronizer.take_in(source, run)
        except RagkeeperError as error:
            await self._end(source_id, job_id, problem=problem_of(error))
            raise

    async def remove_gone(self, source_id: str, job_id: str, keys: list[str]) -> int:
        """Step 2: how many documents went. Raises what ended the run, and notes it."""
        source = await self._required(source_id)
        try:
            return await self._synchronizer.remove(source, keys)
        except RagkeeperError as error:
            await self._end(source_id, job_id, problem=problem_of(error))
            raise

    async def end(self, source_id: str, job_id: str, n_removed: int) -> Run:
        """Step 3: the run as it is kept."""
        return await self._end(source_id, job_id, removed=n_removed)

    async def _end(self, source_id: str, job_id: str, *, removed: int = 0, problem: Problem | None = None) -> Run:
        now = self._clock()
        source = await self._required(source_id)
        run = _run_of(source, job_id) or Run(job_id, now)
        run = replace(run, ended_at=now, removed=removed, problem=problem)
        async with self._database.write() as sql:
            await repository.save_run(sql, source_id, run)
        return run

    async def _request(self, source: Source, *, allow_removals: bool = False) -> str:
        """Call it with `_asking`, so that nobody else asks between the look and the job."""
        if source.paused:
            raise SourcePaused(name=source.name)
        job = await self._job_under_way(source)
        if job is not None:
            if allow_removals and source.last_run is not None and not source.last_run.allow_removals:
                raise SyncUnderWay(name=source.name)
            return job.id
        run = Run(new_id(), self._clock(), allow_removals, expected=_expected(source.last_run))
        # Noted first: what is noted and never submitted is not under way, what is submitted is always noted.
        async with self._database.write() as sql:
            await repository.save_run(sql, source.id, run)
        argument: Json = {"source": source.id, "allow_removals": allow_removals}
        return await self._engine.submit(SYNC_JOB, argument, job_id=run.job_id)

    async def _job_under_way(self, source: Source) -> DurableJob | None:
        run = source.last_run
        if run is None or run.ended_at is not None:
            return None
        job = await self._engine.find(run.job_id)
        return None if job is None or job.state.is_final else job

    async def _stopped(self, name: str) -> Source:
        """The source, paused and with no run under way."""
        source = replace(await self._find(name), paused=True)
        async with self._asking, self._database.write() as sql:
            await repository.change_source(sql, source)
        await self.changed()
        if (job := await self._job_under_way(await self._find(name))) is not None:
            await self._engine.cancel(job.id)
        return source

    async def _check(self, source: Source) -> None:
        """Raises SourceError for a location that cannot be one, CronInvalid."""
        if source.schedule is not None:
            check_cron(source.schedule)
        await self._connect(source).close()

    async def _state(self, source: Source, counts: ItemCounts | None) -> SourceState:
        source, state = await self._with_outcome(source)
        watching = self.watching.get(source.id)
        trouble = self._engine.trouble
        waits_for = trouble.message if trouble and state is RunState.WAITING else ""
        return SourceState(source, counts or ItemCounts(0, 0), state, watching, waits_for=waits_for)

    async def _with_outcome(self, source: Source) -> tuple[Source, RunState | None]:
        """How the last run stands. One that ended without noting it is asked of the engine."""
        run = source.last_run
        if run is None:
            return source, None
        if run.ended_at is not None:
            return source, RunState.FAILED if run.problem else RunState.DONE
        if self._engine.trouble:
            return source, RunState.WAITING
        try:
            job = await self._engine.find(run.job_id)
        except JobsUnavailable:
            return source, RunState.WAITING
        if job is None or job.state.is_final:
            # It may have ended, and noted so, between the two looks.
            source = await self._find_by_id(source.id) or source
            if source.last_run != run:
                return await self._with_outcome(source)
        if job is None:
            return replace(source, last_run=replace(run, problem=_LOST)), RunState.FAILED
        if job.code is not None:
            problem = Problem(job.code, job.message or "", "Run it again; the server's log says more.")
            return replace(source, last_run=replace(run, problem=problem)), RunState(job.state.value)
        return source, RunState(job.state.value)

    async def _find(self, name: str) -> Source:
        async with self._database.read() as sql:
            source = await repository.find_source(sql, name)
        if source is None:
            raise SourceUnknown(name=name)
        return source

    async def _find_by_id(self, source_id: str) -> Source | None:
        async with self._database.read() as sql:
            return await repository.find_by_id(sql, source_id)

    async def _required(self, source_id: str) -> Source:
        source = await self._find_by_id(source_id)
        if source is None:
            raise SourceUnknown(name=source_id)
        return source


_LOST = Problem("sync_lost", "The server stopped before the run was begun.", "Run it again.")


def _run_of(source: Source, job_id: str) -> Run | None:
    return source.last_run if source.last_run is not None and source.last_run.job_id == job_id else None


def _expected(before: Run | None) -> int:
    """Items that the next run will see, going by the one before it; by the one before that, when it was cut off."""
    if before is None:
        return 0
    return before.items if before.ended_at is not None and before.problem is None else before.expected


def _job_ids(job: DurableJob) -> tuple[str, ...]:
    found = job.argument.get("jobs") if isinstance(job.argument, dict) else None
    return tuple(str(one) for one in found) if isinstance(found, list) else ()


def _changed(source: Source, change: SourceChange) -> Source:
    options = {**source.options, **(change.options or {})}
    return replace(
        source,
        location=source.location if change.location is None else change.location,
        options=checked_options(source.kind, {name: value for name, value in options.items() if value is not None}),
        schedule=source.schedule if change.schedule is None else change.schedule or None,
        paused=source.paused if change.paused is None else change.paused,
    )
