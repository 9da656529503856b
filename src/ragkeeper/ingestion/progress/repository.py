"""Every query about jobs."""

from collections.abc import Collection as Many
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.documents.models import BROKEN_OFF, Problem, VersionStatus
from ragkeeper.ingestion.models import Attempt
from ragkeeper.ingestion.progress.models import VersionFacts
from ragkeeper.storage.sql.tables import attempts, chunk_vectors, chunks, collections, documents, versions

_FACTS = (
    select(
        versions.c.id,
        versions.c.document_id,
        versions.c.status,
        versions.c.attempts,
        versions.c.interruptions,
        versions.c.claimed_by,
        versions.c.error_code,
        versions.c.error_message,
        versions.c.error_fix,
        versions.c.created_at,
        versions.c.searchable_at,
        versions.c.ready_at,
        documents.c.name,
        collections.c.name.label("collection"),
    )
    .join(documents, documents.c.id == versions.c.document_id)
    .join(collections, collections.c.id == documents.c.collection_id)
)
_EMBEDDING = frozenset({VersionStatus.INDEXING, VersionStatus.SEARCHABLE})
_WAITING = frozenset({VersionStatus.ACCEPTED, VersionStatus.PARSING})
_BROKEN_OFF = tuple(status.value for status in BROKEN_OFF)


async def find(sql: AsyncConnection, job_id: str, collection_ids: Many[str], model: str) -> VersionFacts | None:
    query = _FACTS.where(versions.c.id == job_id, documents.c.collection_id.in_(collection_ids))
    rows = await _counted(sql, [_facts(row) for row in await sql.execute(query)], model)
    return rows[0] if rows else None


async def page(
    sql: AsyncConnection,
    collection_ids: Many[str],
    *,
    statuses: Sequence[VersionStatus] | None,
    after: str | None,
    limit: int,
    model: str,
) -> list[VersionFacts]:
    """Newest first, by key: `after` is the last id of the page before."""
    query = _FACTS.where((documents.c.collection_id + "").in_(collection_ids))
    if statuses is not None:
        query = query.where(versions.c.status.in_([status.value for status in statuses]))
    if after is not None:
        query = query.where(versions.c.id < after)
    rows = await sql.execute(query.order_by(versions.c.id.desc()).limit(limit))
    return await _counted(sql, [_facts(row) for row in rows], model)


async def attempts_of(sql: AsyncConnection, version_id: str) -> list[Attempt]:
    query = select(attempts).where(attempts.c.version_id == version_id).order_by(attempts.c.id)
    return [Attempt(row.began_at, row.ended_at, row.code, row.message) for row in await sql.execute(query)]


async def cancel(sql: AsyncConnection, version_id: str) -> bool:
    """False when it had ended meanwhile."""
    ended = (VersionStatus.READY.value, VersionStatus.REPLACED.value, *_BROKEN_OFF)
    found = await sql.execute(
        update(versions)
        .where(versions.c.id == version_id, versions.c.status.not_in(ended))
        .values(status=VersionStatus.CANCELLED.value)
    )
    return bool(found.rowcount)


async def may_be_retried(sql: AsyncConnection, version_id: str) -> bool:
    """It is its document's newest version, and failed or was cancelled."""
    query = select(versions.c.id).join(documents, documents.c.newest_version_id == versions.c.id)
    return (
        await sql.execute(query.where(versions.c.id == version_id, versions.c.status.in_(_BROKEN_OFF)))
    ).first() is not None


async def _counted(sql: AsyncConnection, facts: Sequence[VersionFacts], model: str) -> list[VersionFacts]:
    """With the place in the queue, or with chunks and vectors: each is asked only of those it says something about."""
    embedding = [one.id for one in facts if one.status in _EMBEDDING]
    n_chunks = await _count(sql, select(chunks.c.version_id, func.count()), chunks.c.version_id.in_(embedding))
    with_vector = select(chunks.c.version_id, func.count()).join(
        chunk_vectors, (chunk_vectors.c.chunk_id == chunks.c.id) & (chunk_vectors.c.model == model)
    )
    n_vectors = await _count(sql, with_vector, chunks.c.version_id.in_(embedding))
    ahead = await _ahead(sql, [one.id for one in facts if one.status in _WAITING])
    return [
        replace(one, ahead=ahead.get(one.id, 0), chunks=n_chunks.get(one.id, 0), vectors=n_vectors.get(one.id, 0))
        for one in facts
    ]


async def _ahead(sql: AsyncConnection, version_ids: Many[str]) -> dict[str, int]:
    """Version id → how many are read before it; one walk through all that wait, however many are asked for."""
    if not version_ids:
        return {}
    rank = func.row_number().over(order_by=[versions.c.priority, versions.c.id]) - 1
    waiting = select(versions.c.id, rank.label("ahead")).where(
        versions.c.status.in_([status.value for status in _WAITING])
    )
    ranked = waiting.subquery()
    rows = await sql.execute(select(ranked.c.id, ranked.c.ahead).where(ranked.c.id.in_(version_ids)))
    return {row[0]: row[1] for row in rows}


async def _count(sql: AsyncConnection, counts: Any, condition: ColumnElement[bool]) -> dict[str, int]:
    rows = await sql.execute(counts.where(condition).group_by(chunks.c.version_id))
    return {row[0]: row[1] for row in rows}


def _facts(row: Any) -> VersionFacts:
    problem = Problem(row.error_code, row.error_message, row.error_fix) if row.error_code else None
    return VersionFacts(
        id=row.id,
        document_id=row.document_id,
        name=row.name,
        collection=row.collection,
        status=VersionStatus(row.status),
        attempts=row.attempts,
        interruptions=row.interruptions,
        claimed_by=row.claimed_by,
        problem=problem,
        created_at=row.created_at,
        searchable_at=row.searchable_at,
        ready_at=row.ready_at,
    )
