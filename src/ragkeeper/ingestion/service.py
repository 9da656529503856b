"""Take in what users send: store the bytes, write the version row, wake the pipeline."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

from ragkeeper.core.access import Caller
from ragkeeper.documents.models import Document, Priority, Scalar
from ragkeeper.documents.rules import clean_name
from ragkeeper.documents.service import DEFAULT_COLLECTION, DocumentService, NewContent
from ragkeeper.ingestion.errors import FileEmpty, NameMissing
from ragkeeper.ingestion.models import Accepted
from ragkeeper.storage.files.store import FileStore, ReceivedFile


@dataclass(frozen=True, slots=True)
class Upload:
    """name None: the content's own hash becomes the name, so equal texts are one document.

    bulk: it is one of many, and is read after what people add one by one. distinct: never taken for a copy of a
    document of another name, so that each can change and go by itself. filename: where the end of the name does not
    tell the format.
    """

    name: str | None
    collection: str = DEFAULT_COLLECTION
    title: str | None = None
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    suffix: str = ".txt"
    bulk: bool = False
    distinct: bool = False
    filename: str | None = None

    @property
    def priority(self) -> Priority:
        return Priority.BULK if self.bulk else Priority.PERSON


class IngestionService:
    """`wake` tells the background jobs that a version waits."""

    def __init__(self, documents: DocumentService, files: FileStore, wake: Callable[[Priority], None]) -> None:
        self._documents = documents
        self._files = files
        self._wake = wake

    async def accept(self, caller: Caller, upload: Upload, content: AsyncIterator[bytes]) -> Accepted:
        """Durable when it returns; the rest happens in the background.

        Raises FileEmpty, FileTooLarge, DiskSpaceLow, CollectionUnknown, NameMissing; nothing is kept then.
        """
        collection_id = await self._documents.writable_collection(caller, upload.collection)
        if upload.name is not None and not clean_name(upload.name):
            raise NameMissing
        async with self._files.receive(content) as received:
            if received.size == 0:
                raise FileEmpty
            name = clean_name(upload.name) if upload.name is not None else _hash_name(received, upload.suffix)
            new = NewContent(
                name,
                upload.collection,
                upload.title,
                upload.metadata,
                upload.priority,
                distinct=upload.distinct,
                filename=clean_name(upload.filename).rpartition("/")[2] or None if upload.filename else None,
            )
            await self._files.keep([received])
            registered = await self._documents.register(caller, collection_id, received, new)
        self._wake(upload.priority)
        document = registered.document
        return Accepted(document.id, document.version.id, document.version.status.value, registered.duplicate)

    async def require_writable(self, caller: Caller, collection: str) -> None:
        """Raises CollectionUnknown unless `caller` may add to it."""
        await self._documents.writable_collection(caller, collection)

    async def named(self, caller: Caller, upload: Upload) -> Document | None:
        """The document that an upload with a name would give a next version. Raises CollectionUnknown."""
        collection_id = await self._documents.writable_collection(caller, upload.collection)
        return await self._documents.find_named(collection_id, clean_name(upload.name or ""))

    async def retry(self, caller: Caller, document_id: str) -> Accepted:
        """Raises NothingToRetry."""
        document = await self._documents.retry(caller, document_id)
        self._wake(Priority.PERSON)
        return Accepted(document.id, document.version.id, document.version.status.value, duplicate=False)


def _hash_name(received: ReceivedFile, suffix: str) -> str:
    return f"text-{received.sha256[:16]}{suffix}"
