"""Every query of ingestion: what waits, what was parsed, what has no vector yet."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, bindparam, case, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.core.clock import utc_now
from ragkeeper.documents.models import Priority, Problem, VersionStatus
from ragkeeper.ingestion.models import Attempt, ParsedVersion, PendingChunk, PendingVersion
from ragkeeper.retrieval.vectors import NO_VECTOR, encode_vector
from ragkeeper.storage.sql.tables import (
    attempts,
    chunk_vectors,
    chunks,
    documents,
    settings,
    version_texts,
    versions,
)

# The row of `settings` that names the model whose vectors every finished version has.
_EMBEDDED_BY = "embedding_model"
_PAUSED = "reading_paused"
_UNEMBEDDED = (VersionStatus.INDEXING.value, VersionStatus.SEARCHABLE.value)


async def release(sql: AsyncConnection, version_ids: Collection[str]) -> None:
    """Claimed versions wait again; the attempt that did not come about is not counted."""
    await sql.execute(
        update(versions)
        .where(versions.c.id.in_(version_ids), versions.c.status == VersionStatus.PARSING.value)
        .values(status=VersionStatus.ACCEPTED.value, attempts=versions.c.attempts - 1, claimed_by=None)
    )


async def reopen_for_model(sql: AsyncConnection, model: str) -> int:
    """When another model embedded before: finished versions that lack vectors of this one are embedded again.

    Returns how many.
    """
    known = (await sql.execute(select(settings.c.value).where(settings.c.name == _EMBEDDED_BY))).scalar_one_or_none()
    if known == model:
        return 0
    vector = select(chunk_vectors.c.chunk_id).where(
        chunk_vectors.c.chunk_id == chunks.c.id, chunk_vectors.c.model == model
    )
    lacking = select(chunks.c.version_id).where(~vector.exists())
    found = await sql.execute(
        update(versions)
        .where(versions.c.status == VersionStatus.READY.value, versions.c.id.in_(lacking))
        .values(status=VersionStatus.SEARCHABLE.value, ready_at=None)
    )
    await _set(sql, _EMBEDDED_BY, model)
    return found.rowcount


async def anything_waits(sql: AsyncConnection, lowest: Priority) -> bool:
    query = (
        select(versions.c.id)
        .where(versions.c.status == VersionStatus.ACCEPTED.value, versions.c.priority <= lowest.value)
        .limit(1)
    )
    return (await sql.execute(query)).first() is not None


async def claim(sql: AsyncConnection, worker: str, lowest: Priority, limit: int) -> list[PendingVersion]:
    """Take up to `limit` waiting versions of this priority or a higher one, in the order of the queue.

    The worker reads them from now on.

    A version whose parsing was interrupted before is taken alone and after all others, so that a file that brings the
    server down is told from those that were only beside it.
    """
    wanted = versions.c.priority <= lowest.value
    fresh = await _waiting(sql, wanted & (versions.c.interruptions == 0), limit)
    claimed = fresh or await _waiting(sql, wanted & (versions.c.interruptions > 0), 1)
    if claimed:
        await sql.execute(
            update(versions)
            .where(versions.c.id.in_([version.id for version in claimed]))
            .values(status=VersionStatus.PARSING.value, attempts=versions.c.attempts + 1, claimed_by=worker)
        )
    return claimed


async def _waiting(sql: AsyncConnection, condition: ColumnElement[bool], limit: int) -> list[PendingVersion]:
    waiting = (
        select(versions, documents.c.name)
        .join(documents, documents.c.id == versions.c.document_id)
        .where(versions.c.status == VersionStatus.ACCEPTED.value, condition)
        .order_by(versions.c.priority, versions.c.id)
        .limit(limit)
    )
    return [
        PendingVersion(
            id=row.id,
            document_id=row.document_id,
            number=row.number,
            sha256=row.sha256,
            filename=row.filename,
            attempts=row.attempts + 1,
            interruptions=row.interruptions,
            title=row.title,
            name=row.name,
            priority=Priority(row.priority),
            size=row.size,
            queued_at=row.queued_at,
        )
        for row in await sql.execute(waiting)
    ]


async def current_numbers(sql: AsyncConnection, document_ids: Collection[str]) -> dict[str, tuple[str | None, int]]:
    """Document id → (current version id, its number); documents that are gone are left out."""
    query = (
        select(documents.c.id, documents.c.current_version_id, func.coalesce(versions.c.number, 0))
        .outerjoin(versions, versions.c.id == documents.c.current_version_id)
        .where(documents.c.id.in_(document_ids))
    )
    return {row[0]: (row[1], row[2]) for row in await sql.execute(query)}


async def save_parsed(sql: AsyncConnection, parsed: Sequence[ParsedVersion]) -> None:
    """Write texts and chunks and make these versions current: a few statements for any number of them."""
    texts = [{"version_id": item.version.id, "text": item.text} for item in parsed]
    await sql.execute(insert(version_texts), texts)
    await sql.execute(insert(chunks), [row for item in parsed for row in _chunk_rows(item)])
    await sql.execute(_SET_PARSED, [_parsed_values(item) for item in parsed])
    await sql.execute(_SET_CURRENT, [_current_values(item) for item in parsed])


async def retire(sql: AsyncConnection, version_ids: Collection[str]) -> None:
    """A newer version is current: drop the text and chunks of these, and leave them in a final state."""
    await sql.execute(
        update(versions).where(versions.c.id.in_(version_ids)).values(status=VersionStatus.REPLACED.value)
    )
    await sql.execute(delete(chunks).where(chunks.c.version_id.in_(version_ids)))
    await sql.execute(delete(version_texts).where(version_texts.c.version_id.in_(version_ids)))


_SET_PARSED = (
    update(versions)
    .where(versions.c.id == bindparam("version"))
    .values(
        status=VersionStatus.INDEXING.value,
        media_type=bindparam("new_media_type"),
        warnings=bindparam("new_warnings", type_=versions.c.warnings.type),
        properties=bindparam("new_properties", type_=versions.c.properties.type),
        pages=bindparam("new_pages"),
        characters=bindparam("new_characters"),
    )
)
_SET_CURRENT = (
    update(documents)
    .where(documents.c.id == bindparam("document"))
    .values(current_version_id=bindparam("new_version"), title=bindparam("new_title"))
)


def _parsed_values(parsed: ParsedVersion) -> dict[str, object]:
    return {
        "version": parsed.version.id,
        "new_media_type": parsed.media_type,
        "new_warnings": parsed.warnings,
        "new_properties": parsed.properties,
        "new_pages": parsed.pages,
        "new_characters": len(parsed.text),
    }


def _current_values(parsed: ParsedVersion) -> dict[str, object]:
    return {"document": parsed.version.document_id, "new_version": parsed.version.id, "new_title": parsed.title}


def _chunk_rows(parsed: ParsedVersion) -> list[dict[str, object]]:
    return [
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
            "gap": chunk.gap,
            "indexed_text": None if chunk.indexed_text == chunk.text else chunk.indexed_text,
        }
        for chunk in parsed.chunks
    ]


async def being_read(sql: AsyncConnection, version_ids: Collection[str]) -> dict[str, int]:
    """Those of the versions that are being read → which reading that is; others were cancelled or are gone."""
    query = select(versions.c.id, versions.c.attempts).where(
        versions.c.id.in_(version_ids), versions.c.status == VersionStatus.PARSING.value
    )
    return {row[0]: row[1] for row in await sql.execute(query)}


async def add_attempts(sql: AsyncConnection, made: Mapping[str, Sequence[Attempt]]) -> None:
    """Note attempts by version; those of versions that are gone are dropped."""
    known = set((await sql.execute(select(versions.c.id).where(versions.c.id.in_(list(made))))).scalars())
    rows = [
        {
            "version_id": version_id,
            "began_at": attempt.began_at,
            "ended_at": attempt.ended_at,
            "code": attempt.code,
            "message": attempt.message,
        }
        for version_id, attempts_made in made.items()
        if version_id in known
        for attempt in attempts_made
    ]
    if rows:
        await sql.execute(insert(attempts), rows)


async def is_paused(sql: AsyncConnection) -> bool:
    query = select(settings.c.value).where(settings.c.name == _PAUSED)
    return (await sql.execute(query)).scalar_one_or_none() is True


async def set_paused(sql: AsyncConnection, *, paused: bool) -> None:
    await _set(sql, _PAUSED, paused)


async def _set(sql: AsyncConnection, name: str, value: object) -> None:
    await sql.execute(delete(settings).where(settings.c.name == name))
    await sql.execute(insert(settings).values(name=name, value=value, updated_at=utc_now()))


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


async def unembedded(
    sql: AsyncConnection, model: str, *, after: int, limit: int, lowest: Priority
) -> list[PendingChunk]:
    """Chunks without a vector of this model, by id, of current versions of this priority or a higher one."""
    has_vector = select(chunk_vectors.c.chunk_id).where(
        chunk_vectors.c.chunk_id == chunks.c.id, chunk_vectors.c.model == model
    )
    pending = select(versions.c.id).where(versions.c.status.in_(_UNEMBEDDED), versions.c.priority <= lowest.value)
    query = (
        select(chunks.c.id, chunks.c.document_id, chunks.c.version_id)
        .add_columns(func.coalesce(chunks.c.indexed_text, chunks.c.text).label("indexed_text"))
        .where(chunks.c.id > after, chunks.c.version_id.in_(pending), ~has_vector.exists())
        .order_by(chunks.c.id)
        .limit(limit)
    )
    return [PendingChunk(row.id, row.document_id, row.version_id, row.indexed_text) for row in await sql.execute(query)]


async def save_vectors(
    sql: AsyncConnection, pending: Sequence[PendingChunk], vectors: Sequence[NDArray[np.float32] | None], model: str
) -> list[PendingChunk]:
    """Store the vectors of those chunks that still exist, None as refused; returns these chunks."""
    ids = [chunk.id for chunk in pending]
    existing = set((await sql.execute(select(chunks.c.id).where(chunks.c.id.in_(ids)))).scalars())
    # After a switch to another model, some of them may have its vectors already.
    known = select(chunk_vectors.c.chunk_id).where(chunk_vectors.c.chunk_id.in_(ids), chunk_vectors.c.model == model)
    existing -= set((await sql.execute(known)).scalars())
    rows = [
        {"chunk_id": chunk.id, "model": model, "vector": NO_VECTOR if vector is None else encode_vector(vector)}
        for chunk, vector in zip(pending, vectors, strict=True)
        if chunk.id in existing
    ]
    if rows:
        await sql.execute(insert(chunk_vectors), rows)
    return [chunk for chunk in pending if chunk.id in existing]


async def add_warning(sql: AsyncConnection, version_id: str, warning: dict[str, object]) -> None:
    known = await sql.execute(select(versions.c.warnings).where(versions.c.id == version_id))
    for warnings in known.scalars():
        added = [*warnings, warning]
        await sql.execute(update(versions).where(versions.c.id == version_id).values(warnings=added))


async def backlog(sql: AsyncConnection) -> tuple[int, int, int]:
    """Versions that wait, that are being parsed, and that lack vectors or index entries."""
    counts = [
        func.sum(case((versions.c.status == VersionStatus.ACCEPTED.value, 1), else_=0)),
        func.sum(case((versions.c.status == VersionStatus.PARSING.value, 1), else_=0)),
        func.sum(case((versions.c.status.in_(_UNEMBEDDED), 1), else_=0)),
    ]
    row = (await sql.execute(select(*counts))).one()
    return int(row[0] or 0), int(row[1] or 0), int(row[2] or 0)
