"""One synchronisation: look at everything in a source, take in what is new, remove what is gone.

Its parts are steps of a durable job: each may run twice. What was taken in is recorded as it goes, so a part that runs
again finds it unchanged.
"""

import errno
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from ragkeeper.core.access import Caller
from ragkeeper.core.clock import Clock
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.documents.deletions import DeletionService
from ragkeeper.documents.models import BROUGHT_BY, Problem, Selection
from ragkeeper.http.errors import DiskFull
from ragkeeper.ingestion.errors import IngestionError, NameMissing
from ragkeeper.ingestion.models import Accepted
from ragkeeper.ingestion.service import IngestionService, Upload
from ragkeeper.ingestion.sources import repository, rules
from ragkeeper.ingestion.sources.connectors.port import Connector, Found, Unreadable
from ragkeeper.ingestion.sources.errors import OwnerUnknown, SourceError, SourceShrank
from ragkeeper.ingestion.sources.models import Change, Item, Plan, Run, Source
from ragkeeper.ingestion.sources.options import checked_options
from ragkeeper.ingestion.sources.ports import Connect, FindCaller
from ragkeeper.storage.files.errors import FileTooLarge
from ragkeeper.storage.sql.database import Database

# What is recorded together; a crash looks at so many items again at most.
_TOGETHER = 100
_UNCHANGED_TOGETHER = 1000
_LONGEST_UNRECORDED = 1.0  # seconds
_REMOVED_TOGETHER = 500
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})

# What can be wrong with one item; anything else is wrong with the source or the server, and ends the run.
_OF_ONE_ITEM = (SourceError, IngestionError, NameMissing, FileTooLarge)


class Synchronizer:
    def __init__(
        self,
        database: Database,
        ingestion: IngestionService,
        deletions: DeletionService,
        connect: Connect,
        find_caller: FindCaller,
        clock: Clock,
    ) -> None:
        self._database = database
        self._ingestion = ingestion
        self._deletions = deletions
        self._connect = connect
        self._find_caller = find_caller
        self._clock = clock

    async def plan(self, source: Source) -> Plan:
        """What `take_in` and `remove` would do now; changes nothing. Raises SourceError."""
        known = await self._known(source)
        found: dict[Change, list[str]] = {change: [] for change in Change}
        seen: set[str] = set()
        async with self._scan(source, known) as items:
            async for one in items:
                key = rules.stored_key(one.key)
                if key not in seen:
                    found[rules.change_of(known.get(key), one)].append(key)
                seen.add(key)
        found[Change.REMOVE] += rules.gone(known, seen)
        n_unchanged = len(found.pop(Change.UNCHANGED))
        stopped = _stopped(source, known, seen)
        return Plan({change: tuple(sorted(keys)) for change, keys in found.items()}, n_unchanged, stopped)

    async def take_in(self, source: Source, run: Run) -> list[str]:
        """Add and update; returns the keys of what is gone. `run`: as it was begun, or as far as it came before.

        Raises SourceError, SourceShrank among them, and what ends an upload for everybody, such as DiskSpaceLow;
        what was taken in by then stays.
        """
        caller = await self._caller(source)
        known = await self._known(source)
        accept = partial(self._accept, source, caller, rules.owners(known))
        intake = _Intake(self._database, self._clock, source, known, run, accept)
        try:
            async with self._scan(source, known) as items:
                async for one in items:
                    await intake.take(one)
        finally:
            await intake.record()
        rules.require_plausible(
            source.name, known, intake.seen, most_removed=most_removed(source), allowed=run.allow_removals
        )
        return [*rules.gone(known, intake.seen), *await self._strays(source, intake.run)]

    async def remove(self, source: Source, keys: Sequence[str]) -> int:
        """Delete the documents of these items, with receipts, and forget the items; returns how many documents."""
        caller = await self._caller(source)
        n_removed = 0
        for start in range(0, len(keys), _REMOVED_TOGETHER):
            some = keys[start : start + _REMOVED_TOGETHER]
            async with self._database.read() as sql:
                documents = await repository.document_ids(sql, source.id, some)
            n_removed += await self._delete(caller, documents)
            async with self._database.write() as sql:
                await repository.forget_items(sql, source.id, some)
        return n_removed

    async def count_documents(self, source: Source) -> int:
        """Documents that the source has brought; some may have been deleted by hand since."""
        async with self._database.read() as sql:
            return len(await repository.document_ids(sql, source.id))

    async def delete_documents(self, source: Source, caller: Caller) -> int:
        """All that the source has brought, with receipts; returns how many there were."""
        async with self._database.read() as sql:
            documents = await repository.document_ids(sql, source.id)
        parts = [documents[start : start + _REMOVED_TOGETHER] for start in range(0, len(documents), _REMOVED_TOGETHER)]
        return sum([await self._delete(caller, some) for some in parts])

    async def _accept(
        self, source: Source, caller: Caller, owned: dict[str, str], found: Found, before: Item
    ) -> Accepted:
        """Take in one item. owned: kept up to date, see `rules.owners`. Raises what is wrong with it, and DiskFull."""
        upload = _upload(source, found)
        rules.require_own(await self._ingestion.named(caller, upload), source.name, before.key, owned)
        try:
            async with found.content() as content:
                accepted = await self._ingestion.accept(caller, upload, content)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            raise DiskFull(reason=error.strerror or error) from error
        owned[accepted.id] = before.key
        if before.document_id not in {None, accepted.id}:
            # It is called something else by now; before it is recorded, so that a crash does not lose the old one.
            await self._delete(caller, [before.document_id or ""])
        return accepted

    async def _delete(self, caller: Caller, documents: Sequence[str]) -> int:
        """Those that are gone already are nobody's fault."""
        if not documents:
            return 0
        plan = await self._deletions.plan(caller, Selection(ids=tuple(documents)))
        return (await self._deletions.carry_out(caller, plan)).documents if plan.documents else 0

    async def _strays(self, source: Source, run: Run) -> list[str]:
        """Keys for what the run took in before it was killed, and did not find again: no item knows of these documents.

        None while an item cannot be read: it may be the one.
        """
        if run.attempts <= 1 or run.failed:
            return []
        async with self._database.write() as sql:
            items = [rules.stray(one) for one in await repository.strays(sql, source, run.began_at)]
            await repository.save_items(sql, source.id, items, self._clock())
        return [item.key for item in items]

    async def _known(self, source: Source) -> dict[str, Item]:
        async with self._database.read() as sql:
            return await repository.known_items(sql, source.id)

    async def _caller(self, source: Source) -> Caller:
        caller = await self._find_caller(source.created_by)
        if caller is None:
            raise OwnerUnknown(name=source.created_by)
        return caller

    @asynccontextmanager
    async def _scan(self, source: Source, known: dict[str, Item]) -> AsyncIterator[AsyncIterator[Found | Unreadable]]:
        connector: Connector = self._connect(source)
        try:
            async with aclosing(connector.scan(rules.known_fingerprints(known))) as items:
                yield items
        finally:
            await connector.close()


@dataclass(slots=True)
class _Intake:
    """What one scan has brought so far. `run` counts; an earlier part of the same run is counted in it.

    accept: takes in an item, given what was known of it, if only its key.
    """

    database: Database
    clock: Clock
    source: Source
    known: Mapping[str, Item]
    run: Run
    accept: Callable[[Found, Item], Awaitable[Accepted]]
    seen: set[str] = field(default_factory=set)
    _changed: list[Item] = field(default_factory=list)
    _unchanged: list[str] = field(default_factory=list)
    _recorded_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.run = replace(self.run, items=0, failed=0)

    async def take(self, one: Found | Unreadable) -> None:
        key = rules.stored_key(one.key)
        if key in self.seen:
            return
        self.seen.add(key)
        before = self.known.get(key)
        change = rules.change_of(before, one)
        if isinstance(one, Unreadable):
            self._note(rules.failed(before, key, one), change)
        elif change is Change.UNCHANGED:
            self._unchanged.append(key)
            self.run = replace(self.run, items=self.run.items + 1)
        else:
            await self._take_in(one, key, change)
        await self._record_when_due()

    async def _take_in(self, found: Found, key: str, change: Change) -> None:
        before = self.known.get(key)
        try:
            accepted = await self.accept(found, before or Item(key, ""))
        except _OF_ONE_ITEM as error:
            self._note(rules.failed(before, key, Unreadable(key, error.code, error.message)), Change.FAIL)
        else:
            # A new date or etag alone is no new content.
            change = Change.UNCHANGED if change is Change.UPDATE and accepted.duplicate else change
            self._note(Item(key, found.fingerprint, accepted.id), change)

    def _note(self, item: Item, change: Change) -> None:
        self._changed.append(item)
        self.run = replace(
            self.run,
            items=self.run.items + 1,
            added=self.run.added + (change is Change.ADD),
            updated=self.run.updated + (change is Change.UPDATE),
            failed=self.run.failed + (change is Change.FAIL),
        )

    async def _record_when_due(self) -> None:
        overdue = time.monotonic() - self._recorded_at > _LONGEST_UNRECORDED
        if overdue or len(self._changed) >= _TOGETHER or len(self._unchanged) >= _UNCHANGED_TOGETHER:
            await self.record()

    async def record(self) -> None:
        """Items and counts in one transaction: what a crash cuts off is neither known nor counted."""
        now = self.clock()
        async with self.database.write() as sql:
            await repository.save_items(sql, self.source.id, self._changed, now)
            await repository.mark_unchanged(sql, self.source.id, self._unchanged, now)
            await repository.save_run(sql, self.source.id, self.run)
        self._changed.clear()
        self._unchanged.clear()
        self._recorded_at = time.monotonic()


def _upload(source: Source, found: Found) -> Upload:
    return Upload(
        name=rules.document_name(source.name, found.name),
        collection=source.collection,
        title=rules.stored_title(found.title),
        metadata={BROUGHT_BY: source.name},
        bulk=True,
        distinct=True,
        filename=found.filename,
    )


def most_removed(source: Source) -> float:
    options = checked_options(source.kind, source.options)
    share = options.get("most_removed", rules.DEFAULT_MOST_REMOVED)
    return share if isinstance(share, float | int) else rules.DEFAULT_MOST_REMOVED


def problem_of(error: RagkeeperError) -> Problem:
    return Problem(error.code, error.message, error.advice)


def _stopped(source: Source, known: dict[str, Item], seen: set[str]) -> Problem | None:
    try:
        rules.require_plausible(source.name, known, seen, most_removed=most_removed(source), allowed=False)
    except SourceShrank as error:
        return problem_of(error)
    return None
