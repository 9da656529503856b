"""The only way to the index: rows written with the change to the truth, drained in order, removed once durable."""

import asyncio
from collections.abc import Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.core.clock import Clock
from ragkeeper.documents.service import DocumentService
from ragkeeper.retrieval import repository
from ragkeeper.retrieval.models import IndexOperation, OutboxRow
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.vectors.port import VectorIndex

_BATCH = 256


class OutboxWriter:
    """Writes rows into the caller's transaction. `on_change` is called by `wake`, once that is committed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._on_change: Callable[[], None] = lambda: None

    def notify(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change

    def wake(self) -> None:
        self._on_change()

    async def words_added(self, transaction: AsyncConnection, versions: Sequence[tuple[str, str]]) -> None:
        """versions: (document id, version id)."""
        rows = [self._row(IndexOperation.ADD_WORDS, document, version) for document, version in versions]
        await repository.add_outbox_rows(transaction, rows)

    async def vectors_added(self, transaction: AsyncConnection, ranges: Sequence[tuple[str, str, int, int]]) -> None:
        """ranges: (document id, version id, first chunk id, last chunk id)."""
        rows = [
            self._row(IndexOperation.ADD_VECTORS, document, version, first, last)
            for document, version, first, last in ranges
        ]
        await repository.add_outbox_rows(transaction, rows)

    async def version_removed(self, transaction: AsyncConnection, document_id: str, version_id: str) -> None:
        row = self._row(IndexOperation.REMOVE_VERSION, document_id, version_id)
        await repository.add_outbox_rows(transaction, [row])

    async def document_removed(self, transaction: AsyncConnection, document_id: str) -> None:
        await repository.add_outbox_rows(transaction, [self._row(IndexOperation.REMOVE_DOCUMENT, document_id)])

    def _row(
        self,
        operation: IndexOperation,
        document_id: str,
        version_id: str | None = None,
        first: int | None = None,
        last: int | None = None,
    ) -> dict[str, object]:
        return {
            "operation": operation.value,
            "document_id": document_id,
            "version_id": version_id,
            "first_chunk_id": first,
            "last_chunk_id": last,
            "created_at": self._clock(),
        }


class OutboxDrain:
    """Applies rows to the index. Every operation can be applied twice without harm, so a crash costs only a repeat."""

    def __init__(self, database: Database, index: VectorIndex, documents: DocumentService, model: str) -> None:
        self._database = database
        self._index = index
        self._documents = documents
        self._model = model
        self._draining = asyncio.Lock()

    async def drain(self) -> bool:
        """Apply one batch; True when there was one."""
        async with self._draining:
            async with self._database.read() as sql:
                rows = await repository.next_outbox_rows(sql, _BATCH)
            if not rows:
                return False
            words, vectors = await self._apply(rows)
            await self._index.flush()
            async with self._database.write() as sql:
                await self._documents.mark_indexed(sql, words, vectors, self._model)
                await repository.remove_outbox_rows(sql, [row.id for row in rows])
            return True

    async def drain_all(self) -> None:
        while await self.drain():
            pass

    async def _apply(self, rows: Sequence[OutboxRow]) -> tuple[list[str], list[str]]:
        """Additions before removals: nothing that was removed is ever added again under the same version id."""
        words = _versions(rows, IndexOperation.ADD_WORDS)
        async with self._database.read() as sql:
            if words:
                await self._index.put_words(await repository.words_of(sql, words))
            for row in rows:
                if row.operation is IndexOperation.ADD_VECTORS:
                    await self._add_vectors(sql, row)
        await self._index.remove_versions(_versions(rows, IndexOperation.REMOVE_VERSION))
        removed = [row.document_id for row in rows if row.operation is IndexOperation.REMOVE_DOCUMENT]
        await self._index.remove_documents(removed)
        return words, _versions(rows, IndexOperation.ADD_VECTORS)

    async def _add_vectors(self, sql: AsyncConnection, row: OutboxRow) -> None:
        first, last = row.first_chunk_id or 0, row.last_chunk_id or 0
        entries = await repository.vectors_of(sql, row.version_id or "", first, last, self._model)
        if entries:
            await self._index.put_vectors(entries)


def _versions(rows: Sequence[OutboxRow], operation: IndexOperation) -> list[str]:
    return sorted({row.version_id for row in rows if row.operation is operation and row.version_id})
