"""The steps from stored bytes to chunks with vectors. Each is safe to run twice; SQL remembers how far a version came."""

import asyncio
from collections.abc import Sequence
from itertools import groupby

import structlog

from ragkeeper.documents.models import Problem
from ragkeeper.documents.rules import title_from_name
from ragkeeper.ingestion import repository
from ragkeeper.ingestion.chunkers.port import Chunker, indexed_text
from ragkeeper.ingestion.errors import IngestionError, ParserCrashed
from ragkeeper.ingestion.models import NewChunk, ParsedVersion, PendingChunk, PendingVersion
from ragkeeper.ingestion.parsers.port import ParsedDocument, Parser
from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.retrieval.outbox import OutboxWriter
from ragkeeper.storage.files.store import FileStore
from ragkeeper.storage.sql.database import Database

_log = structlog.get_logger()

# A version that was being parsed when the server died this often is to blame for it.
_MOST_ATTEMPTS = 3


class Pipeline:
    def __init__(
        self,
        database: Database,
        files: FileStore,
        parser: Parser,
        chunker: Chunker,
        embedder: Embedder,
        outbox: OutboxWriter,
    ) -> None:
        self._database = database
        self._files = files
        self._parser = parser
        self._chunker = chunker
        self._embedder = embedder
        self._outbox = outbox

    async def recover(self) -> None:
        """After a start: what was being parsed waits again."""
        async with self._database.write() as sql:
            released = await repository.release_interrupted(sql)
        if released:
            _log.warning("parsing_resumed", versions=released)

    async def claim(self, limit: int) -> list[PendingVersion]:
        """Up to `limit` waiting versions, to be parsed by the caller."""
        async with self._database.read() as sql:
            waiting, _, _ = await repository.backlog(sql)
        if not waiting:
            return []
        async with self._database.write() as sql:
            return await repository.claim(sql, limit)

    async def parse(self, version: PendingVersion) -> ParsedVersion | Problem:
        """Read and cut one version; what is wrong with a file is a result, not an exception."""
        try:
            if version.attempts > _MOST_ATTEMPTS:
                raise ParserCrashed(kind="file", reason="the server stopped each time it was read")
            document = await self._parser.parse(self._files.path(version.sha256), version.filename)
        except IngestionError as error:
            _log.info("version_failed", version=version.id, file=version.name, code=error.code)
            return Problem(error.code, error.message, error.advice)
        return await asyncio.to_thread(self._cut, version, document)

    async def save(self, results: Sequence[tuple[PendingVersion, ParsedVersion | Problem]]) -> None:
        """One transaction: chunks, outbox rows, and the new current versions of all of them."""
        async with self._database.write() as sql:
            for version, result in results:
                if isinstance(result, Problem):
                    await repository.fail(sql, version.id, result)
                    continue
                saved, replaced = await repository.save_parsed(sql, result)
                if saved:
                    await self._outbox.words_added(sql, [(version.document_id, version.id)])
                if replaced:
                    await self._outbox.version_removed(sql, version.document_id, replaced)
        self._outbox.wake()

    async def unembedded(self, after: int, limit: int) -> list[PendingChunk]:
        async with self._database.read() as sql:
            return await repository.unembedded(sql, self._embedder.name, after=after, limit=limit)

    async def embed(self, pending: Sequence[PendingChunk]) -> None:
        """Compute and store the vectors of chunks. Raises what the embedder raises; nothing is stored then."""
        vectors = await self._embedder.embed_documents([chunk.indexed_text for chunk in pending])
        async with self._database.write() as sql:
            stored = await repository.save_vectors(sql, pending, vectors, self._embedder.name)
            await self._outbox.vectors_added(sql, _ranges(stored))
        self._outbox.wake()

    async def backlog(self) -> dict[str, int]:
        """How many versions wait, are parsed, and are searchable but without all their vectors."""
        async with self._database.read() as sql:
            waiting, parsing, embedding = await repository.backlog(sql)
        return {"waiting": waiting, "parsing": parsing, "embedding": embedding}

    def _cut(self, version: PendingVersion, document: ParsedDocument) -> ParsedVersion:
        title = _title(version, document)
        spans = self._chunker.split(document)
        return ParsedVersion(
            version=version,
            title=title,
            text=document.text,
            media_type=document.media_type,
            pages=len(document.pages) or None,
            properties=dict(document.metadata),
            warnings=[{"code": w.code, "message": w.message, "page": w.page} for w in document.warnings],
            chunks=tuple(
                NewChunk(
                    span=span,
                    text=document.text[span.start : span.end],
                    indexed_text=indexed_text(document.title, span.headings, document.text[span.start : span.end]),
                )
                for span in spans
            ),
        )


def _title(version: PendingVersion, document: ParsedDocument) -> str:
    """What the uploader called it, else what the file calls itself, else its name."""
    given = version.title != title_from_name(version.name)
    return version.title if given or not document.title else document.title


def _ranges(stored: Sequence[PendingChunk]) -> list[tuple[str, str, int, int]]:
    """(document id, version id, first, last chunk id) of each run of one version."""
    runs = []
    for (document_id, version_id), group in groupby(stored, key=lambda chunk: (chunk.document_id, chunk.version_id)):
        ids = [chunk.id for chunk in group]
        runs.append((document_id, version_id, ids[0], ids[-1]))
    return runs
