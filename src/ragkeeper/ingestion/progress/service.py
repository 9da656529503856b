"""Use cases about jobs; every call names who is asking."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from ragkeeper.core.access import Caller, Forbidden, Right
from ragkeeper.documents.deletions import DeletionService
from ragkeeper.documents.service import DocumentService
from ragkeeper.ingestion.progress import repository, rules
from ragkeeper.ingestion.progress.errors import JobUnknown, NothingToCancel, NotRetryable
from ragkeeper.ingestion.progress.models import Discarded, History, Job, JobState, VersionFacts
from ragkeeper.ingestion.progress.ports import Background, Embedding
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
    ) -> None:
        self._database = database
        self._documents = documents
        self._deletions = deletions
        self._background = background
        self._embedder = embedder
        self._ending = False

    async def jobs(
        self, caller: Caller, *, state: JobState | None, collection: str | None, after: str | None, limit: int
    ) -> list[Job]:
        """Newest first. Raises CollectionUnknown."""
        ids = await self._documents.collection_ids(caller, collection)
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
        return rules.job_of(await self._find(caller, job_id), self._background.activity())

    async def history(self, caller: Caller, job_id: str) -> History:
        """Raises JobUnknown."""
        facts = await self._find(caller, job_id)
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
        await self._changeable(caller, job_id)
        async with self._database.write() as sql:
            cancelled = await repository.cancel(sql, job_id)
        if cancelled:  # only now: should the write fail, the reading goes on as if nobody had asked
            await self._background.abandon(job_id)
        job = await self.job(caller, job_id)
        if not cancelled:
            raise NothingToCancel(id=job_id, state=job.state)
        return job

    async def retry(self, caller: Caller, job_id: str) -> Job:
        """Raises JobUnknown, Forbidden, NotRetryable."""
        await self._changeable(caller, job_id)
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

    async def _find(self, caller: Caller, job_id: str) -> VersionFacts:
        ids = await self._documents.collection_ids(caller, None)
        async with self._database.read() as sql:
            found = await repository.find(sql, job_id, ids, self._embedder.name)
        if found is None:
            raise JobUnknown(id=job_id)
        return found

    async def _changeable(self, caller: Caller, job_id: str) -> None:
        facts = await self._find(caller, job_id)
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
