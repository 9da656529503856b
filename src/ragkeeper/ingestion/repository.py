"""Every query of ingestion: what waits, what was parsed, what has no vector yet."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import case, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.documents.models import Problem, VersionStatus
from ragkeeper.ingestion.models import ParsedVersion, PendingChunk, PendingVersion
from ragkeeper.retrieval.vectors import encode_vector
from ragkeeper.storage.sql.tables import chunk_vectors, chunks, documents, version_texts, versions

_UNEMBEDDED = (VersionStatus.INDEXING.value, VersionStatus.SEARCHABLE.value)


async def release_interrupted(sql: AsyncConnection) -> int:
    """Versions that a stopped process was parsing wait again; returns how many."""
    found = await sql.execute(
        update(versions)
        .where(versions.c.status == VersionStatus.PARSING.value)
        .values(status=VersionStatus.ACCEPTED.value)
    )
    return found.rowcount


async def claim(sql: AsyncConnection, limit: int) -> list[PendingVersion]:
    """Take up to `limit` waiting versions, oldest first: they are being parsed from now on."""
    waiting = (
        select(versions, documents.c.title, documents.c.name)
        .join(documents, documents.c.id == versions.c.document_id)
        .where(versions.c.status == VersionStatus.ACCEPTED.value)
        .order_by(versions.c.id)
        .limit(limit)
    )
    claimed = [
        PendingVersion(
            id=row.id,
            document_id=row.document_id,
            number=row.number,
            sha256=row.sha256,
            filename=row.filename,
            attempts=row.attempts + 1,
            title=row.title,
            name=row.name,
        )
        for row in await sql.execute(waiting)
    ]
    if claimed:
        await sql.execute(
            update(versions)
            .where(versions.c.id.in_([version.id for version in claimed]))
            .values(status=VersionStatus.PARSING.value, attempts=versions.c.attempts + 1)
        )
    return claimed


async def save_parsed(sql: AsyncConnection, parsed: ParsedVersion) -> tuple[bool, str | None]:
    """Write text and chunks and make the version current.

    Returns (False, None) when the document was deleted or has a newer current version meanwhile, else True and the
    version that was current before, if any.
    """
    version = parsed.version
    query = (
        select(documents.c.current_version_id, versions.c.number)
        .outerjoin(versions, versions.c.id == documents.c.current_version_id)
        .where(documents.c.id == version.document_id)
    )
    current = (await sql.execute(query)).first()
    if current is None or (current.number or 0) > version.number:
        return False, None
    await _insert_text(sql, parsed)
    await sql.execute(
        update(versions)
        .where(versions.c.id == version.id)
        .values(
            status=VersionStatus.INDEXING.value,
            media_type=parsed.media_type,
            warnings=parsed.warnings,
            properties=parsed.properties,
            pages=parsed.pages,
            characters=len(parsed.text),
        )
    )
    await sql.execute(
        update(documents)
        .where(documents.c.id == version.document_id)
        .values(current_version_id=version.id, title=parsed.title)
    )
    replaced: str | None = current.current_version_id
    if replaced and replaced != version.id:
        await sql.execute(delete(chunks).where(chunks.c.version_id == replaced))
        await sql.execute(delete(version_texts).where(version_texts.c.version_id == replaced))
        return True, replaced
    return True, None


async def _insert_text(sql: AsyncConnection, parsed: ParsedVersion) -> None:
    await sql.execute(insert(version_texts).values(version_id=parsed.version.id, text=parsed.text))
    rows = [
        {
            "version_id": parsed.version.id,
            "document_id": parsed.version.document_id,
            "ordinal": chunk.span.ordinal,
            "start": chunk.span.start,
            "end": chunk.span.end,
            "page": chunk.span.page,
            "page_end": chunk.span.page_end,
            "tokens": chunk.span.tokens,
            "headings": list(chunk.span.headings),
            "text": chunk.text,
            "indexed_text": None if chunk.indexed_text == chunk.text else chunk.indexed_text,
        }
        for chunk in parsed.chunks
    ]
    await sql.execute(insert(chunks), rows)


async def fail(sql: AsyncConnection, version_id: str, problem: Problem) -> None:
    await sql.execute(
        update(versions)
        .where(versions.c.id == version_id)
        .values(
            status=VersionStatus.FAILED.value,
            error_code=problem.code,
            error_message=problem.message,
            error_fix=problem.fix,
        )
    )


async def unembedded(sql: AsyncConnection, model: str, *, after: int, limit: int) -> list[PendingChunk]:
    """Chunks of current versions without a vector of this model, by id."""
    has_vector = select(chunk_vectors.c.chunk_id).where(
        chunk_vectors.c.chunk_id == chunks.c.id, chunk_vectors.c.model == model
    )
    pending = select(versions.c.id).where(versions.c.status.in_(_UNEMBEDDED))
    query = (
        select(chunks.c.id, chunks.c.document_id, chunks.c.version_id)
        .add_columns(func.coalesce(chunks.c.indexed_text, chunks.c.text).label("indexed_text"))
        .where(chunks.c.id > after, chunks.c.version_id.in_(pending), ~has_vector.exists())
        .order_by(chunks.c.id)
        .limit(limit)
    )
    return [PendingChunk(row.id, row.document_id, row.version_id, row.indexed_text) for row in await sql.execute(query)]


async def save_vectors(
    sql: AsyncConnection, pending: Sequence[PendingChunk], vectors: NDArray[np.float32], model: str
) -> list[PendingChunk]:
    """Store the vectors of those chunks that still exist; returns these."""
    ids = [chunk.id for chunk in pending]
    existing = set((await sql.execute(select(chunks.c.id).where(chunks.c.id.in_(ids)))).scalars())
    rows = [
        {"chunk_id": chunk.id, "model": model, "vector": encode_vector(vector)}
        for chunk, vector in zip(pending, vectors, strict=True)
        if chunk.id in existing
    ]
    if rows:
        await sql.execute(insert(chunk_vectors), rows)
    return [chunk for chunk in pending if chunk.id in existing]


async def backlog(sql: AsyncConnection) -> tuple[int, int, int]:
    """Versions that wait, that are being parsed, and that lack vectors or index entries."""
    counts = [
        func.sum(case((versions.c.status == VersionStatus.ACCEPTED.value, 1), else_=0)),
        func.sum(case((versions.c.status == VersionStatus.PARSING.value, 1), else_=0)),
        func.sum(case((versions.c.status.in_(_UNEMBEDDED), 1), else_=0)),
    ]
    row = (await sql.execute(select(*counts))).one()
    return int(row[0] or 0), int(row[1] or 0), int(row[2] or 0)
