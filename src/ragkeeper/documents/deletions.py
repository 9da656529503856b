"""Deleting documents for good: one, some, or all that a filter selects, each with a receipt."""

from collections.abc import Sequence

from ragkeeper.core.access import Caller, Forbidden, Right
from ragkeeper.core.clock import Clock
from ragkeeper.core.ids import new_id
from ragkeeper.documents import deletion_repository, repository, rules
from ragkeeper.documents.errors import (
    DeletionUnknown,
    DocumentUnknown,
    NotDiscardable,
    NothingSelected,
    OriginalsForeign,
)
from ragkeeper.documents.models import BROKEN_OFF, Deletable, DeletedDocument, DeletionPlan, DeletionReceipt, Selection
from ragkeeper.documents.ports import Copies, IndexChanges, NoCopies
from ragkeeper.documents.service import DocumentService
from ragkeeper.storage.files.store import FileStore
from ragkeeper.storage.sql.database import Database

# Documents removed in one transaction, and read at once while a filter is applied.
_BATCH = 500


class DeletionService:
    """What is deleted is gone from searches, citations and lists when a call returns, whatever the index is doing."""

    def __init__(
        self,
        database: Database,
        files: FileStore,
        index: IndexChanges,
        documents: DocumentService,
        clock: Clock,
        copies: Copies | None = None,
    ) -> None:
        self._database = database
        self._files = files
        self._index = index
        self._documents = documents
        self._clock = clock
        self._copies = copies or NoCopies()

    async def delete(self, caller: Caller, document_id: str) -> DeletionReceipt:
        """Raises DocumentUnknown, and Forbidden when it may only be read."""
        plan = await self.plan(caller, Selection(ids=(document_id,)))
        if plan.unknown:
            raise DocumentUnknown(id=document_id)
        receipt = await self.carry_out(caller, plan)
        if not receipt.documents:
            raise DocumentUnknown(id=document_id)  # somebody else was quicker
        return receipt

    async def plan(self, caller: Caller, selection: Selection) -> DeletionPlan:
        """What the selection names; changes nothing. Raises NothingSelected, CollectionUnknown, Forbidden."""
        if not selection.names_something:
            raise NothingSelected
        allowed = await self._documents.collection_ids(caller, None, Right.WRITE)
        if selection.ids:
            return await self._plan_ids(caller, selection.ids, allowed)
        if selection.collection is not None:
            readable = await self._documents.collection_ids(caller, selection.collection)
            if not readable & allowed:
                raise Forbidden(action=f"delete documents of the collection {selection.collection}")
            allowed &= readable
        planned_at = self._clock()
        return DeletionPlan(await self._matching(selection, allowed), (), planned_at)

    async def receipts(
        self, caller: Caller, *, document_id: str | None, after: str | None, limit: int
    ) -> list[DeletionReceipt]:
        """Newest first; the caller's own, all for an administrator. document_id: of this document's deletion alone."""
        whose = None if caller.is_admin else caller.id
        async with self._database.read() as sql:
            return await deletion_repository.list_receipts(
                sql, whose=whose, document_id=document_id, after=after, limit=limit
            )

    async def receipt(self, caller: Caller, deletion_id: str) -> DeletionReceipt:
        """Raises DeletionUnknown; somebody else's looks like one that does not exist."""
        async with self._database.read() as sql:
            found = await deletion_repository.find_receipt(sql, deletion_id)
        if found is None or not (caller.is_admin or found.deleted_by == caller.id):
            raise DeletionUnknown(id=deletion_id)
        return found

    async def members(
        self, caller: Caller, deletion_id: str, *, after: str | None, limit: int
    ) -> list[DeletedDocument]:
        """The documents of one deletion, by id. Raises DeletionUnknown."""
        await self.receipt(caller, deletion_id)
        async with self._database.read() as sql:
            return await deletion_repository.members(sql, deletion_id, after=after or "", limit=limit)

    async def remove_unused_originals(self) -> int:
        """Delete originals that no version names, left by a crash between two steps; returns how many.

        Raises OriginalsForeign, and deletes nothing, when there are too many for that: the database is another one.
        """
        unused: list[str] = []
        n_used = 0
        async for names in self._files.stored():
            async with self._database.read() as sql:
                used = await repository.contents_used(sql, names)
            n_used += len(used)
            unused += sorted(set(names) - used)
        if unused and not rules.are_leftovers(len(unused), n_used):
            # A crash may have come between a large deletion and the removal of its files: those are known.
            async with self._database.read() as sql:
                n_foreign = len(set(unused) - await deletion_repository.deleted_contents(sql))
            if n_foreign and not rules.are_leftovers(n_foreign, n_used):
                raise OriginalsForeign(unused=n_foreign, used=n_used)
        return await self._remove_originals(unused)

    async def discard_version(self, caller: Caller, document_id: str, version_id: str) -> DeletionReceipt | None:
        """Give up the newest version, which failed or was cancelled: the one before it is the newest again.

        A document that has no other goes with it, and its receipt is returned. Raises DocumentUnknown, Forbidden, and
        NotDiscardable when the version is in use, is not the newest, or may still come to something.
        """
        document = await self._documents.get(caller, document_id, Right.WRITE)
        version = document.version
        if version.id != version_id or version.status not in BROKEN_OFF or document.current_version_id == version_id:
            raise NotDiscardable(id=version_id)
        async with self._database.write() as sql:
            left = await deletion_repository.drop_newest_version(sql, document_id, version_id)
        if not left:
            return await self.delete(caller, document_id)
        await self._remove_originals([version.sha256])
        return None

    async def _plan_ids(self, caller: Caller, ids: Sequence[str], allowed: frozenset[str]) -> DeletionPlan:
        readable = await self._documents.collection_ids(caller, None)
        found: list[Deletable] = []
        async with self._database.read() as sql:
            for start in range(0, len(ids), _BATCH):
                found += await deletion_repository.by_ids(sql, ids[start : start + _BATCH], readable)
        for document in found:
            if document.collection_id not in allowed:
                raise Forbidden(action=f"change documents of the collection {document.collection}")
        known = {document.id for document in found}
        unknown = tuple(one for one in dict.fromkeys(ids) if one not in known)
        return DeletionPlan(tuple(found), unknown, self._clock())

    async def _matching(self, selection: Selection, allowed: frozenset[str]) -> tuple[Deletable, ...]:
        found: list[Deletable] = []
        after = ""
        while True:
            async with self._database.read() as sql:
                page = await deletion_repository.page(sql, allowed, selection, after, _BATCH)
            if not page:
                return tuple(found)
            found += [one for one in page if rules.has_metadata(one.metadata, selection.metadata)]
            after = page[-1].id

    async def carry_out(self, caller: Caller, plan: DeletionPlan) -> DeletionReceipt:
        """Delete what `plan` found for this caller: after a crash whole batches of it, and again removes the rest."""
        deletion_id, contents = new_id(), set[str]()
        for start in range(0, max(len(plan.documents), 1), _BATCH):
            some = plan.documents[start : start + _BATCH]
            async with self._database.write() as sql:
                await deletion_repository.begin(sql, deletion_id, caller.id, self._clock())
                removed = await deletion_repository.remove(sql, deletion_id, some)
                for document_id, hashes in removed.items():
                    await self._index.document_removed(sql, document_id)
                    contents |= hashes
            self._index.wake()
        self._copies.forget()
        n_removed = await self._remove_originals(sorted(contents))
        async with self._database.write() as sql:
            await deletion_repository.finish(sql, deletion_id, n_removed)
        return await self.receipt(caller, deletion_id)

    async def _remove_originals(self, contents: Sequence[str]) -> int:
        n_removed = 0
        for start in range(0, len(contents), _BATCH):
            some = contents[start : start + _BATCH]
            # Inside a transaction: no new version can begin to name one of them between the question and the removal.
            async with self._database.write() as sql:
                used = await repository.contents_used(sql, some)
                n_removed += await self._files.remove([one for one in some if one not in used])
        return n_removed
