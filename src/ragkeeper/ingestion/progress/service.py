"""Use cases about jobs; every call names who is asking."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from ragkeeper.core.access import Caller, Forbidden, Right
from ragkeeper.documents.deletions import DeletionService
from ragkeeper.documents.service import DocumentService
from ragkeeper.ingestion.progress import repository, rules
from ragkeeper.ingestion.progress.errors import JobUnknown, NothingToCancel, NotRetryable
from ragkeeper.ingestion.progress.models import Discarded, History, Job, JobKind, JobState, VersionFacts, Wanted
from ragkeeper.ingestion.progress.ports import Background, Embedding, Syncs
from ragkeeper.storage.sql.database import Database

# Seconds between two looks at a job that somebody follows.
_LOOK_EVERY = 0.25


class ProgressService:
    """`embedder`: the one whose vectors count; it may change."""

    def __init__(
        self,
        database: Database,
        documents: DocumentService,
        deletions: DeletionService,
        background: Background,
        embedder: Embedding,
        syncs: Syncs,
    ) -> None:
        self._database = database
        self._documents = documents
        self._deletions = deletions
        self._background = background
        self._embedder = embedder
        self._syncs = syncs
        self._ending = False

    async def jobs(self, caller: Caller, wanted: Wanted, *, after: str | None, limit: int) -> list[Job]:
        """Newest first: `after` is the last id of the page before. Raises CollectionUnknown."""
        ids = await self._documents.collection_ids(caller, wanted.collection)
        found: list[Job] = []
        if wanted.kind is not JobKind.DOCUMENT:
            syncs = await self._syncs.jobs(caller)
            found += [job for job in syncs if rules.is_wanted(job, wanted) and (after is None or job.id < after)]
        if wanted.kind is not JobKind.SYNC:
            found += await self._of_documents(ids, wanted.state, after, limit)
        return sorted(found, key=lambda job: job.id, reverse=True)[:limit]

    async def _of_documents(
        self, ids: frozenset[str], state: JobState | None, after: str | None, limit: int
    ) -> list[Job]:
        found: list[Job] = []
        # States are told apart beyond what SQL knows, so a page may need more than one look.
        while len(found) < limit:
            facts = await self._page(ids, state, after, limit)
            found += [job for job in self._jobs(facts) if state in {None, job.state}]
            if len(facts) < limit:
                break
            after = facts[-1].id
        return found[:limit]

    async def job(self, caller: Caller, job_id: str) -> Job:
        """Raises JobUnknown."""
        found = await self._either(caller, job_id)
        return found if isinstance(found, Job) else rules.job_of(found, self._background.activity())

    async def history(self, caller: Caller, job_id: str) -> History:
        """Raises JobUnknown."""
        facts = await self._either(caller, job_id)
        if isinstance(facts, Job):
            return History(facts, (), max(facts.attempts - 1, 0))
        async with self._database.read() as sql:
            attempts = await repository.attempts_of(sql, job_id)
        return History(rules.job_of(facts, self._background.activity()), tuple(attempts), facts.interruptions)

    async def follow(self, caller: Caller, job_id: str) -> AsyncGenerator[Job]:
        """The job now and after each change, none of its milestones left out, until it has ended.

        Raises JobUnknown, also when its document goes.
        """
        shown = None
        while (shown is None or not shown.state.is_final) and not self._ending:
            job = await self.job(caller, job_id)
            if job != shown:
                for milestone in rules.passed(shown, job):
                    yield milestone
                yield job
                shown = job
            else:
                await asyncio.sleep(_LOOK_EVERY)

    async def cancel(self, caller: Caller, job_id: str) -> Job:
        """What was indexed by then stays. Raises JobUnknown, Forbidden, NothingToCancel."""
        found = await self._either(caller, job_id)
        if isinstance(found, Job):
            return await self._cancel_sync(caller, found)
        await self._require_changeable(caller, found)
        async with self._database.write() as sql:
            cancelled = await repository.cancel(sql, job_id)
        if cancelled:  # only now: should the write fail, the reading goes on as if nobody had asked
            await self._background.abandon(job_id)
        job = await self.job(caller, job_id)
        if not cancelled:
            raise NothingToCancel(id=job_id, state=job.state)
        return job

    async def retry(self, caller: Caller, job_id: str) -> Job:
        """A source is read again by a new job. Raises JobUnknown, Forbidden, NotRetryable."""
        found = await self._either(caller, job_id)
        if isinstance(found, Job):
            return await self._repeat_sync(caller, found)
        await self._require_changeable(caller, found)
        async with self._database.write() as sql:
            broken_off = await repository.may_be_retried(sql, job_id)
            if broken_off:
                await self._documents.take_up_again(sql, [job_id])
        self._background.wake()
        job = await self.job(caller, job_id)
        if not broken_off:
            raise NotRetryable(id=job_id, state=job.state)
        return job

    async def discard(self, caller: Caller, job_id: str) -> Discarded:
        """Give up a failed or cancelled job for good: its version goes, and with its only version the document.

        Raises JobUnknown, Forbidden, NotDiscardable.
        """
        facts = await self._find(caller, job_id)
        receipt = await self._deletions.discard_version(caller, facts.document_id, job_id)
        return Discarded(job_id, facts.document_id, receipt)

    async def retry_failed(self, caller: Caller, code: str | None) -> int:
        """Every failed job of collections that the caller may change, or those with this code; returns how many."""
        allowed = await self._documents.collection_ids(caller, None, Right.WRITE)
        async with self._database.write() as sql:
            n_retried = await self._documents.take_up_failed(sql, allowed, code)
        self._background.wake()
        return n_retried

    async def set_paused(self, caller: Caller, *, paused: bool) -> bool:
        """Begin no more files, or go on; returns how it is now. Raises Forbidden."""
        caller.require_admin("pause or resume reading")
        await self._background.set_paused(paused=paused)
        return self._background.activity().paused

    def end_following(self) -> None:
        """Whoever follows a job gets no more of it: the server stops."""
        self._ending = True

    async def _either(self, caller: Caller, job_id: str) -> VersionFacts | Job:
        """What is known of a document's version, or the job of a source."""
        try:
            return await self._find(caller, job_id)
        except JobUnknown:
            sync = next((job for job in await self._syncs.jobs(caller) if job.id == job_id), None)
            if sync is None:
                raise
            return sync

    async def _cancel_sync(self, caller: Caller, sync: Job) -> Job:
        if sync.state.is_final:
            raise NothingToCancel(id=sync.id, state=sync.state)
        await self._syncs.cancel(caller, sync.id)
        return await self.job(caller, sync.id)

    async def _repeat_sync(self, caller: Caller, sync: Job) -> Job:
        if sync.state not in {JobState.FAILED, JobState.CANCELLED}:
            raise NotRetryable(id=sync.id, state=sync.state)
        return await self.job(caller, await self._syncs.repeat(caller, sync.id))

    async def _find(self, caller: Caller, job_id: str) -> VersionFacts:
        ids = await self._documents.collection_ids(caller, None)
        async with self._database.read() as sql:
            found = await repository.find(sql, job_id, ids, self._embedder.name)
        if found is None:
            raise JobUnknown(id=job_id)
        return found

    async def _require_changeable(self, caller: Caller, facts: VersionFacts) -> None:
        allowed = await self._documents.collections(caller, Right.WRITE)
        if facts.collection not in {collection.name for collection in allowed}:
            raise Forbidden(action=f"change documents of the collection {facts.collection}")

    async def _page(
        self, ids: frozenset[str], state: JobState | None, after: str | None, limit: int
    ) -> list[VersionFacts]:
        statuses = None if state is None else rules.STATUSES[state]
        async with self._database.read() as sql:
            return await repository.page(
                sql, ids, statuses=statuses, after=after, limit=limit, model=self._embedder.name
            )

    def _jobs(self, facts: Sequence[VersionFacts]) -> list[Job]:
        activity = self._background.activity()
        return [rules.job_of(one, activity) for one in facts]
