"""The only way to the index: rows written with the change to the truth, drained in order, removed once durable."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import accumulate

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.core.clock import Clock
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.figures import work
from ragkeeper.core.foreground import Foreground
from ragkeeper.core.metrics import Metrics
from ragkeeper.documents.service import DocumentService, Indexed
from ragkeeper.retrieval import repository, rules
from ragkeeper.retrieval.arrivals import Arrivals
from ragkeeper.retrieval.models import IndexOperation, OutboxRow
from ragkeeper.retrieval.switching import Generation, SwitchableIndex
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.vectors.port import VectorEntry, WordsEntry

_log = structlog.get_logger()

# One batch: so many rows, and about so many chunks, which bounds what is held in memory.
_ROWS = 256
_CHUNKS = 2000
# While somebody searches: what goes into one call of the engine, which a search then waits for at most.
_CHUNKS_BESIDE = 64


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

    def __init__(
        self,
        database: Database,
        index: SwitchableIndex,
        documents: DocumentService,
        foreground: Foreground | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._database = database
        self._index = index
        self._documents = documents
        self._arrivals = Arrivals(metrics or Metrics(work.TABLE))
        self._foreground = foreground or Foreground()
        self._draining = asyncio.Lock()

    async def drain(self) -> bool:
        """Apply one batch; True when there was one."""
        async with self._draining, self._foreground.turn():
            async with self._database.read() as sql:
                rows = await self._next_rows(sql)
            if not rows:
                return False
            await self._apply(rows)
            async with self._database.write() as sql:
                indexed = await self._note(sql, rows)
            self._arrivals.note(indexed)
            return True

    async def drain_all(self) -> None:
        while await self.drain():
            pass

    async def optimize(self) -> bool:
        """Rearrange the index where that is due; True when it was."""
        if not await self._index.optimize():
            return False
        # Searches by vector are approximate: the same one may find other neighbours from here on.
        async with self._database.write() as sql:
            await repository.renew_version(sql)
        return True

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """For the block nothing is drained: what SQL and the index say in it differs by waiting rows alone."""
        async with self._draining:
            yield

    async def drain_rest(self, sql: AsyncConnection) -> None:
        """What is left, in the caller's transaction, which nothing can be added beside; within `held` alone."""
        while rows := await self._next_rows(sql):
            await self._apply(rows)
            await self._note(sql, rows)

    async def _note(self, sql: AsyncConnection, rows: Sequence[OutboxRow]) -> Indexed:
        words = _versions(rows, IndexOperation.ADD_WORDS)
        touched = {*words, *_versions(rows, IndexOperation.ADD_VECTORS)}
        await repository.remove_outbox_rows(sql, [row.id for row in rows])
        # Vectors may have come into SQL while the rows above were applied: their own rows still wait.
        applied = touched - await repository.waiting_for_vectors(sql, touched)
        return await self._documents.mark_indexed(sql, words, sorted(applied), self._index.serving.model)

    async def _next_rows(self, sql: AsyncConnection) -> list[OutboxRow]:
        """The oldest rows: as many as hold about a batch of chunks, at least one."""
        most = _CHUNKS_BESIDE if self._foreground.busy else _CHUNKS
        rows = await repository.next_outbox_rows(sql, _ROWS)
        sizes = await repository.chunk_counts(sql, _versions(rows, IndexOperation.ADD_WORDS)) if rows else {}
        ends = accumulate(rules.chunks_of(row, sizes) for row in rows)
        return [row for number, (row, end) in enumerate(zip(rows, ends, strict=True)) if number == 0 or end <= most]

    async def _apply(self, rows: Sequence[OutboxRow]) -> None:
        """To every generation; of two that are written, one may fail."""
        words = _versions(rows, IndexOperation.ADD_WORDS)
        failed: list[RagkeeperError] = []
        targets = self._index.targets
        for target in targets:
            try:
                await self._apply_to(target, rows, words)
            except RagkeeperError as error:
                failed.append(error)
                if len(failed) == len(targets) or not self._index.may_fail(target):
                    raise
                _log.error("generation_not_written", generation=target.name, code=error.code, reason=error.message)

    async def _apply_to(self, target: Generation, rows: Sequence[OutboxRow], words: Sequence[str]) -> None:
        """Additions before removals: nothing that was removed is ever added again under the same version id."""
        async for entries in self._words(words):
            await target.index.put_words(entries)
        async for vectors in self._vectors(
            [row for row in rows if row.operation is IndexOperation.ADD_VECTORS], target
        ):
            await target.index.put_vectors(vectors)
        await target.index.remove_versions(_versions(rows, IndexOperation.REMOVE_VERSION))
        removed = [row.document_id for row in rows if row.operation is IndexOperation.REMOVE_DOCUMENT]
        await target.index.remove_documents(removed)
        await target.index.flush()

    async def _words(self, version_ids: Sequence[str]) -> AsyncIterator[list[WordsEntry]]:
        after = 0
        while version_ids:
            async with self._database.read() as sql:
                entries = await repository.words_of(sql, version_ids, after, _CHUNKS)
            if not entries:
                return
            yield entries
            after = entries[-1].chunk_id

    async def _vectors(self, rows: Sequence[OutboxRow], target: Generation) -> AsyncIterator[list[VectorEntry]]:
        for first, last, version_ids in rules.vector_ranges(rows, _CHUNKS):
            async with self._database.read() as sql:
                entries = await repository.vectors_of(sql, version_ids, first, last, target.model)
            if entries:
                yield entries


def _versions(rows: Sequence[OutboxRow], operation: IndexOperation) -> list[str]:
    return sorted({row.version_id for row in rows if row.operation is operation and row.version_id})
