"""The steps from stored bytes to chunks with vectors; each is safe to run twice, SQL remembers how far a version is."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby, zip_longest

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.core.clock import utc_now
from ragkeeper.core.figures import work
from ragkeeper.core.figures.work import BYTES_PROCESSED, DOCUMENTS_PROCESSED, INGEST_SECONDS
from ragkeeper.core.job_log import FailedJob, FailedJobs
from ragkeeper.core.metrics import Metrics
from ragkeeper.documents.models import Priority, Problem
from ragkeeper.documents.rules import title_from_name
from ragkeeper.ingestion import repository, rules
from ragkeeper.ingestion.chunkers.port import Chunker, ChunkSpan, indexed_text
from ragkeeper.ingestion.errors import IngestionError, ParserCrashed, ReadingAbandoned
from ragkeeper.ingestion.models import Attempt, NewChunk, ParsedVersion, PendingChunk, PendingVersion
from ragkeeper.ingestion.parsers.port import ParsedDocument, Parser
from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.providers.embedding.rules import steady
from ragkeeper.retrieval.embedding import chunk_vectors
from ragkeeper.retrieval.outbox import OutboxWriter
from ragkeeper.storage.files.store import FileStore
from ragkeeper.storage.sql.database import Database

_log = structlog.get_logger()

# A version that was being parsed when the server died this often is to blame for it.
_MOST_INTERRUPTIONS = 3
# Documents cut at once; the interpreter runs little more than one of them at a time.
_CUTTERS = 2


class Pipeline:
    def __init__(
        self,
        database: Database,
        files: FileStore,
        parser: Parser,
        chunker: Chunker,
        embedder: Embedder,
        outbox: OutboxWriter,
        metrics: Metrics | None = None,
        failed: FailedJobs | None = None,
    ) -> None:
        self._database = database
        self._files = files
        self._parser = parser
        self._chunker = chunker
        self._embedder = embedder
        self._outbox = outbox
        self._metrics = metrics or Metrics(work.TABLE)
        self._failed = failed or FailedJobs(self._metrics)
        # Threads of their own, by whose name their processor time is told from that of answers.
        self._cutters = ThreadPoolExecutor(_CUTTERS, "cut")

    async def recover(self) -> None:
        """After a start: what lacks vectors of today's model is embedded again."""
        async with self._database.write() as sql:
            reopened = await repository.reopen_for_model(sql, self._embedder.name)
        if reopened:
            _log.warning("embedding_model_changed", model=self._embedder.name, versions=reopened)

    async def release(self, versions: Sequence[PendingVersion]) -> None:
        """Versions that were claimed and not parsed wait again, as if they had never been claimed."""
        if versions:
            async with self._database.write() as sql:
                await repository.release(sql, [version.id for version in versions])

    async def claim(self, worker: str, lowest: Priority, limit: int) -> list[PendingVersion]:
        """Up to `limit` waiting versions of this priority or a higher one, to be parsed by this worker."""
        async with self._database.read() as sql:
            if not await repository.anything_waits(sql, lowest):
                return []
        async with self._database.write() as sql:
            claimed = await repository.claim(sql, worker, lowest, limit)
        for version in claimed:
            if version.attempts == 1:
                self._metrics.observe(INGEST_SECONDS, _age(version), step="wait")
        return claimed

    async def is_being_read(self, version: PendingVersion) -> bool:
        """False once it was cancelled or deleted, or somebody else reads it."""
        async with self._database.read() as sql:
            reading = await repository.being_read(sql, [version.id])
        return reading.get(version.id) == version.attempts

    async def parse(self, version: PendingVersion) -> ParsedVersion | Problem:
        """Read and cut one version; what is wrong with a file is a result, not an exception."""
        if version.interruptions >= _MOST_INTERRUPTIONS:
            return _problem(ReadingAbandoned(times=version.interruptions))
        try:
            with self._timed("parse"):
                document = await self._parser.parse(self._files.path(version.sha256), version.filename)
            with self._timed("chunk"):
                return await asyncio.get_running_loop().run_in_executor(self._cutters, self._cut, version, document)
        except IngestionError as error:
            return _problem(error)
        except Exception as error:  # noqa: BLE001 - the edge of one file: whatever it brings about, its neighbours go on
            return _unexpected(version, error)

    async def save(
        self,
        results: Sequence[tuple[PendingVersion, ParsedVersion | Problem]],
        attempts: Mapping[str, Sequence[Attempt]] | None = None,
    ) -> None:
        """One transaction: chunks, outbox rows, attempts, and the new current versions of all of them.

        Dropped are results of a reading that was cancelled, even if another has begun since, versions whose document
        was deleted, and those that a newer version overtook.
        """
        began = time.perf_counter()
        async with self._database.write() as sql:
            await repository.add_attempts(sql, attempts or {})
            reading = await repository.being_read(sql, [version.id for version, _ in results])
            results = [(version, result) for version, result in results if reading.get(version.id) == version.attempts]
            parsed = [result for _, result in results if isinstance(result, ParsedVersion)]
            for version, result in results:
                if isinstance(result, Problem):
                    await repository.fail(sql, version.id, result)
            current = await repository.current_numbers(sql, [item.version.document_id for item in parsed])
            wanted = rules.newest(parsed, {document: number for document, (_, number) in current.items()})
            if wanted:
                await repository.save_parsed(sql, wanted)
                await self._outbox.words_added(sql, [(item.version.document_id, item.version.id) for item in wanted])
            await self._remove_replaced(sql, wanted, current)
            kept = {item.version.id for item in wanted}
            await repository.retire(sql, [item.version.id for item in parsed if item.version.id not in kept])
        self._outbox.wake()
        self._note(results, kept, time.perf_counter() - began)

    def _note(
        self, results: Sequence[tuple[PendingVersion, ParsedVersion | Problem]], kept: Collection[str], seconds: float
    ) -> None:
        for version, result in results:
            end, code = ("ok" if version.id in kept else "abandoned"), "none"
            if isinstance(result, Problem):
                end, code = "failed", result.code
                self._failed.add(FailedJob(version.id, "document", code, result.message), _age(version))
            elif version.id in kept:
                self._metrics.observe(INGEST_SECONDS, seconds, step="save")
            self._metrics.count(DOCUMENTS_PROCESSED, result=end, code=code)
            self._metrics.count(BYTES_PROCESSED, version.size, result=end)

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._metrics.observe(INGEST_SECONDS, time.perf_counter() - began, step=step)

    async def _remove_replaced(
        self, sql: AsyncConnection, saved: Sequence[ParsedVersion], before: Mapping[str, tuple[str | None, int]]
    ) -> None:
        replaced = {}
        for item in saved:
            old, _ = before[item.version.document_id]
            if old is not None and old != item.version.id:
                replaced[old] = item.version.document_id
        if replaced:
            await repository.retire(sql, replaced)
        for version_id, document_id in replaced.items():
            await self._outbox.version_removed(sql, document_id, version_id)

    async def is_paused(self) -> bool:
        async with self._database.read() as sql:
            return await repository.is_paused(sql)

    async def set_paused(self, *, paused: bool) -> None:
        async with self._database.write() as sql:
            await repository.set_paused(sql, paused=paused)

    async def unembedded(self, after: int, limit: int, lowest: Priority = Priority.BULK) -> list[PendingChunk]:
        """Chunks above `after` that lack their vector, of versions of this priority or a higher one."""
        async with self._database.read() as sql:
            return await repository.unembedded(sql, self._embedder.name, after=after, limit=limit, lowest=lowest)

    async def embed(self, pending: Sequence[PendingChunk]) -> None:
        """Compute and store the vectors of chunks; one that the model refuses is found by its words alone.

        Raises EmbedderUnavailable, WrongDimension; nothing is stored then.
        """
        embedder = steady(self._embedder)
        vectors = await chunk_vectors(embedder, [chunk.indexed_text for chunk in pending])
        refused = [chunk.version_id for chunk, vector in zip(pending, vectors, strict=True) if vector is None]
        async with self._database.write() as sql:
            stored = await repository.save_vectors(sql, pending, vectors, embedder.name)
            for version_id, count in Counter(refused).items():
                await repository.add_warning(sql, version_id, rules.not_embedded(count))
            await self._outbox.vectors_added(sql, _ranges(stored))
        self._outbox.wake()

    async def backlog(self) -> dict[str, int]:
        """How many versions wait, are parsed, and are searchable but without all their vectors."""
        async with self._database.read() as sql:
            waiting, parsing, embedding = await repository.backlog(sql)
        return {"waiting": waiting, "parsing": parsing, "embedding": embedding}

    def _cut(self, version: PendingVersion, document: ParsedDocument) -> ParsedVersion:
        title = _title(version, document)
        # Chunks are found by the title too, so only one that says something is put in front of them.
        document = replace(document, title=rules.readable_title(title))
        spans = self._chunker.split(document)
        return ParsedVersion(
            version=version,
            title=title,
            text=document.text,
            media_type=document.media_type,
            pages=len(document.pages) or None,
            properties=dict(document.metadata),
            warnings=[{"code": w.code, "message": w.message, "page": w.page} for w in document.warnings],
            chunks=tuple(_new_chunk(document, span, after) for span, after in zip_longest(spans, spans[1:])),
        )


def _new_chunk(document: ParsedDocument, span: ChunkSpan, after: ChunkSpan | None) -> NewChunk:
    text = document.text[span.start : span.end]
    gap = document.text[span.end : after.start] if after else ""
    return NewChunk(span, text, gap, indexed_text(document.title, span.headings, text))


def _unexpected(version: PendingVersion, error: Exception) -> Problem:
    # No name and no title: a support bundle takes from the log as it is.
    _log.error("version_crashed", version=version.id, document=version.document_id, exc_info=error)
    return _problem(ParserCrashed(reason=f"{type(error).__name__} inside the server"))


def _age(version: PendingVersion) -> float:
    """Seconds since it was accepted, or taken up again by somebody after that."""
    return max((utc_now() - version.queued_at).total_seconds(), 0.0) if version.queued_at else 0.0


def _problem(error: IngestionError) -> Problem:
    return Problem(error.code, error.message, error.advice)


def _title(version: PendingVersion, document: ParsedDocument) -> str:
    """What the uploader called it, else what the file calls itself, else its name."""
    return version.title or rules.readable_title(document.title) or title_from_name(version.name)


def _ranges(stored: Sequence[PendingChunk]) -> list[tuple[str, str, int, int]]:
    """(document id, version id, first, last chunk id) of each run of one version."""
    runs = []
    for (document_id, version_id), group in groupby(stored, key=lambda chunk: (chunk.document_id, chunk.version_id)):
        ids = [chunk.id for chunk in group]
        runs.append((document_id, version_id, ids[0], ids[-1]))
    return runs
