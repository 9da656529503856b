"""Use cases about collections and documents; every call names who is asking."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.core.access import Caller, Forbidden, Right
from ragkeeper.core.clock import Clock
from ragkeeper.core.ids import new_id
from ragkeeper.documents import repository
from ragkeeper.documents.errors import (
    CollectionExists,
    CollectionUnknown,
    DocumentNotReadable,
    DocumentUnknown,
    NothingToRetry,
)
from ragkeeper.documents.models import (
    BROKEN_OFF,
    Chunk,
    Collection,
    Document,
    Priority,
    Scalar,
    Version,
    VersionStatus,
)
from ragkeeper.documents.ports import IndexChanges
from ragkeeper.documents.rules import Shelf, title_from_name
from ragkeeper.storage.files.store import FileStore, ReceivedFile
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.group import GroupCommit
from ragkeeper.storage.sql.prepared import Query

DEFAULT_COLLECTION = "default"


@dataclass(frozen=True, slots=True)
class NewContent:
    """What an upload says of itself. `name` identifies the document inside its collection.

    distinct: it is a document of its own even where another one of the collection has the same content. filename: what
    its format is told by, where the end of the name does not tell.
    """

    name: str
    collection: str
    title: str | None
    metadata: Mapping[str, Scalar]
    priority: Priority = Priority.PERSON
    distinct: bool = False
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Registration:
    """A received file that wants its version row."""

    caller: Caller
    collection_id: str
    received: ReceivedFile
    new: NewContent


@dataclass(frozen=True, slots=True)
class Registered:
    """A document after an upload; `duplicate` when its content was here already and nothing was added."""

    document: Document
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Indexed:
    """What a change of the index brought about at a moment.

    found: when the versions were accepted, or taken up again, whose words are found from now on; done: versions that
    lack nothing now.
    """

    at: datetime
    found: Mapping[str, datetime]
    done: tuple[str, ...]


class DocumentService:
    def __init__(self, database: Database, files: FileStore, index: IndexChanges, clock: Clock) -> None:
        self._database = database
        self._files = files
        self._index = index
        self._clock = clock
        self._registrations: GroupCommit[Registration, Registered] = GroupCommit(self._register_all)

    # --- collections

    async def collections(self, caller: Caller, right: Right = Right.READ) -> list[Collection]:
        async with self._database.read() as sql:
            return await repository.visible_collections(sql, caller, right)

    async def create_collection(self, caller: Caller, name: str, description: str = "") -> Collection:
        """Raises CollectionExists. The caller gets every right on it."""
        caller.require_admin("create collections")
        collection = Collection(new_id(), name, description, self._clock())
        async with self._database.write() as sql:
            if await repository.collection_exists(sql, name):
                raise CollectionExists(name=name)
            await repository.add_collection(sql, collection, caller.id)
        return collection

    async def ensure_default_collection(self, caller: Caller) -> None:
        async with self._database.read() as sql:
            exists = await repository.collection_exists(sql, DEFAULT_COLLECTION)
        if not exists:
            await self.create_collection(caller, DEFAULT_COLLECTION)

    async def collection_ids(self, caller: Caller, name: str | None, right: Right = Right.READ) -> frozenset[str]:
        """The ids a query of `caller` may touch: all its collections, or the named one.

        Raises CollectionUnknown when the name is not among them (a forbidden collection looks like a missing one).
        """
        return _ids(await self.collections(caller, right), name)

    async def collection_ids_and(
        self, caller: Caller, name: str | None, beside: Query
    ) -> tuple[frozenset[str], tuple[Any, ...] | None]:
        """The ids a search of `caller` may touch, and what `beside` finds at the same moment; None with no ids.

        beside: finds one row of single values. Every search begins here, and a second query would take as long
        as this one. Raises CollectionUnknown.
        """
        async with self._database.read() as sql:
            found, values = await repository.visible_collections_and(sql, caller, Right.READ, beside)
        return _ids(found, name), values

    # --- documents

    async def get(self, caller: Caller, document_id: str, right: Right = Right.READ) -> Document:
        """Raises DocumentUnknown, and Forbidden when it may be read but not what `right` asks."""
        document = await self._find(document_id, await self.collection_ids(caller, None))
        if right is not Right.READ and document.collection_id not in await self.collection_ids(caller, None, right):
            raise Forbidden(action=f"change documents of the collection {document.collection}")
        return document

    async def find_all(
        self, caller: Caller, *, collection: str | None, after: str | None, limit: int, status: str | None
    ) -> list[Document]:
        """Newest first; `after` is the last id of the page before."""
        ids = await self.collection_ids(caller, collection)
        async with self._database.read() as sql:
            return await repository.list_documents(sql, ids, after=after, limit=limit, status=status)

    async def counts(self, caller: Caller) -> dict[str, int]:
        """Documents by status, and `chunks` that searches can see."""
        ids = await self.collection_ids(caller, None)
        async with self._database.read() as sql:
            by_status = await repository.count_by_status(sql, ids)
            n_chunks = await repository.count_chunks(sql, ids)
        return {**{status.value: by_status.get(status.value, 0) for status in VersionStatus}, "chunks": n_chunks}

    async def text(self, caller: Caller, document_id: str) -> tuple[Document, str]:
        """The current version's text. Raises DocumentNotReadable while there is none."""
        document = await self.get(caller, document_id)
        async with self._database.read() as sql:
            text = await repository.version_text(sql, document.current_version_id or "")
        if text is None:
            raise DocumentNotReadable(id=document_id, reason=f"its newest version is {document.version.status}")
        return document, text

    async def original(self, caller: Caller, document_id: str) -> Version:
        """The version whose file stands for the document: the current one, or its newest while none is current."""
        document = await self.get(caller, document_id)
        if document.current_version_id in {None, document.version.id}:
            return document.version
        async with self._database.read() as sql:
            current = await repository.find_version(sql, document.current_version_id or "")
        return current or document.version

    async def chunks(self, caller: Caller, document_id: str, *, after: int, limit: int) -> list[Chunk]:
        """Chunks of the current version with an ordinal above `after`."""
        document = await self.get(caller, document_id)
        async with self._database.read() as sql:
            return await repository.list_chunks(sql, document.current_version_id or "", after=after, limit=limit)

    async def retry(self, caller: Caller, document_id: str) -> Document:
        """Put a failed version back in the queue. Raises NothingToRetry."""
        document = await self.get(caller, document_id, Right.WRITE)
        if document.version.status not in BROKEN_OFF:
            raise NothingToRetry(id=document_id, status=document.version.status)
        async with self._database.write() as sql:
            await self.take_up_again(sql, [document.version.id])
        return await self.get(caller, document_id)

    # --- what ingestion does with them

    async def writable_collection(self, caller: Caller, name: str) -> str:
        """The id of a collection that `caller` may add to. Raises CollectionUnknown."""
        [collection_id] = await self.collection_ids(caller, name, Right.WRITE)
        return collection_id

    async def find_named(self, collection_id: str, name: str) -> Document | None:
        """The document of this very name. collection_id: from `writable_collection`."""
        async with self._database.read() as sql:
            found = await repository.find_known(sql, {collection_id}, {name}, ())
        return found[0] if found else None

    async def register(self, caller: Caller, collection_id: str, received: ReceivedFile, new: NewContent) -> Registered:
        """Write the version row of a received file: a new document, a new version, or a recognised duplicate.

        collection_id: from `writable_collection`. The file is an original when this returns.
        """
        return await self._registrations.submit(Registration(caller, collection_id, received, new))

    async def close(self) -> None:
        """Return when uploads that are being registered are; call it before the database closes."""
        await self._registrations.close()

    async def take_up_again(self, transaction: AsyncConnection, version_ids: Sequence[str]) -> None:
        """Failed or cancelled versions go on: from the beginning, or towards the index when they were read."""
        now = self._clock()
        await repository.reread(transaction, version_ids, now)
        await self._index.words_added(transaction, await repository.resume(transaction, version_ids, now))

    async def take_up_failed(
        self, transaction: AsyncConnection, collection_ids: frozenset[str], code: str | None
    ) -> int:
        """The newest versions that failed, with this code if one is given, are read again; returns how many."""
        return await repository.reread_failed(transaction, collection_ids, code, self._clock())

    async def mark_indexed(
        self, transaction: AsyncConnection, words: list[str], applied: list[str], model: str
    ) -> Indexed:
        """The index holds the words of the first, and of `applied` all that SQL holds, vectors of `model` too."""
        now = self._clock()
        found = await repository.mark_searchable(transaction, words, now) if words else {}
        done = await repository.mark_ready(transaction, applied, model, now) if applied else []
        return Indexed(now, found, tuple(done))

    async def _register_all(self, items: Sequence[Registration]) -> list[Registered]:
        """One transaction for all of them; each sees the ones before it."""
        async with self._database.write() as sql:
            shelf = Shelf(
                await repository.find_known(
                    sql,
                    {item.collection_id for item in items},
                    {item.new.name for item in items},
                    {item.received.sha256 for item in items},
                )
            )
            results = [self._register(shelf, item) for item in items]
            if shelf.new_documents:
                await repository.add_documents(sql, shelf.new_documents)
            for document in shelf.changed_documents:
                await repository.touch_document(sql, document, self._clock())
            if shelf.new_versions:
                await repository.add_versions(sql, shelf.new_versions)
            # Searches filter by the metadata that the index holds.
            seen = [(one.id, one.current_version_id) for one in shelf.changed_documents if one.current_version_id]
            await self._index.words_added(sql, seen)
            # Again, now that no deletion can come between: its last document may have gone since the file came in.
            await self._files.keep([item.received for item in items])
        if seen:
            self._index.wake()
        return results

    def _register(self, shelf: Shelf, item: Registration) -> Registered:
        named = shelf.named(item.collection_id, item.new.name)
        duplicate = shelf.duplicate(item.collection_id, item.new.name, item.received.sha256, item.new.title)
        if duplicate is not None and (duplicate is named or not item.new.distinct):
            if duplicate is named and item.new.metadata not in ({}, named.metadata):
                shelf.describe(replace(named, metadata=item.new.metadata))
            return Registered(duplicate, duplicate=True)
        if named is None:
            document = self._new_document(item)
        else:
            version = self._new_version(named.id, item.received, item.new, named.version.number + 1)
            document = replace(named, version=version, metadata=item.new.metadata or named.metadata)
        shelf.put(document, is_new=named is None)
        return Registered(document, duplicate=False)

    async def _find(self, document_id: str, collection_ids: frozenset[str]) -> Document:
        async with self._database.read() as sql:
            document = await repository.find_document(sql, document_id, collection_ids)
        if document is None:
            raise DocumentUnknown(id=document_id)
        return document

    def _new_document(self, item: Registration) -> Document:
        now = self._clock()
        document_id = new_id()
        return Document(
            id=document_id,
            collection_id=item.collection_id,
            collection=item.new.collection,
            user_id=item.caller.id,
            name=item.new.name,
            title=item.new.title or title_from_name(item.new.name),
            metadata=item.new.metadata,
            current_version_id=None,
            created_at=now,
            updated_at=now,
            version=self._new_version(document_id, item.received, item.new, number=1),
        )

    def _new_version(self, document_id: str, received: ReceivedFile, new: NewContent, number: int) -> Version:
        return Version(
            id=new_id(),
            document_id=document_id,
            number=number,
            sha256=received.sha256,
            size=received.size,
            filename=new.filename or new.name.rsplit("/", 1)[-1],
            title=new.title,
            media_type=None,
            status=VersionStatus.ACCEPTED,
            attempts=0,
            problem=None,
            warnings=[],
            properties={},
            pages=None,
            characters=None,
            created_at=self._clock(),
            searchable_at=None,
            ready_at=None,
            priority=new.priority,
        )


def _ids(found: Sequence[Collection], name: str | None) -> frozenset[str]:
    """Of all, or of the named one. Raises CollectionUnknown."""
    ids = frozenset(collection.id for collection in found if name in {None, collection.name})
    if name is not None and not ids:
        raise CollectionUnknown(name=name)
    return ids
