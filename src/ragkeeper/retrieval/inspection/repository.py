"""Every query of an inspection."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.core.clock import utc_now
from ragkeeper.documents.models import VersionStatus
from ragkeeper.retrieval.inspection.models import Waiting
from ragkeeper.retrieval.models import IndexOperation
from ragkeeper.storage.sql.tables import chunk_vectors, chunks, documents, index_outbox, settings, versions

_RESULT = "index_check"
_CURRENT = (documents.c.id == chunks.c.document_id) & (documents.c.current_version_id == chunks.c.version_id)


async def waiting(sql: AsyncConnection) -> Waiting:
    rows = await sql.execute(select(index_outbox.c.version_id, index_outbox.c.operation).distinct())
    found = [(row.version_id, row.operation) for row in rows]
    return Waiting(
        frozenset(version for version, _ in found if version),
        any(operation == IndexOperation.REMOVE_DOCUMENT for _, operation in found),
    )


async def known_versions(sql: AsyncConnection, version_ids: Collection[str]) -> frozenset[str]:
    return frozenset((await sql.execute(select(versions.c.id).where(versions.c.id.in_(version_ids)))).scalars())


async def stored_vectors(sql: AsyncConnection, model: str, after: int, limit: int) -> list[tuple[int, bytes]]:
    """(chunk id, vector as it is kept) of chunks above `after`, by id."""
    query = (
        select(chunk_vectors.c.chunk_id, chunk_vectors.c.vector)
        .where(chunk_vectors.c.chunk_id > after, chunk_vectors.c.model == model)
        .order_by(chunk_vectors.c.chunk_id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in await sql.execute(query)]


def _not_embedded(model: str) -> Any:
    vector = select(chunk_vectors.c.chunk_id).where(
        chunk_vectors.c.chunk_id == chunks.c.id, chunk_vectors.c.model == model
    )
    ready = (versions.c.id == chunks.c.version_id) & (versions.c.status == VersionStatus.READY.value)
    return chunks.join(documents, _CURRENT).join(versions, ready), ~vector.exists()


async def not_embedded(sql: AsyncConnection, model: str) -> list[int]:
    """Chunks of finished versions that lack a vector of this model."""
    tables, lacking = _not_embedded(model)
    return list((await sql.execute(select(chunks.c.id).select_from(tables).where(lacking))).scalars())


async def embed_again(sql: AsyncConnection, model: str) -> int:
    """Finished versions that lack vectors wait for them; returns how many."""
    tables, lacking = _not_embedded(model)
    affected = select(chunks.c.version_id).select_from(tables).where(lacking)
    values = {"status": VersionStatus.SEARCHABLE.value, "ready_at": None}
    return (await sql.execute(update(versions).where(versions.c.id.in_(affected)).values(**values))).rowcount


async def forget_vectors(sql: AsyncConnection, model: str, chunk_ids: Sequence[int]) -> None:
    await sql.execute(
        delete(chunk_vectors).where(chunk_vectors.c.model == model, chunk_vectors.c.chunk_id.in_(chunk_ids))
    )


async def versions_of(sql: AsyncConnection, chunk_ids: Sequence[int]) -> list[tuple[str, str, int, int]]:
    """(document id, version id, first chunk id, last chunk id) of each version with one of the chunks."""
    affected = select(chunks.c.version_id).where(chunks.c.id.in_(chunk_ids))
    query = (
        select(chunks.c.document_id, chunks.c.version_id, func.min(chunks.c.id), func.max(chunks.c.id))
        .where(chunks.c.version_id.in_(affected))
        .group_by(chunks.c.document_id, chunks.c.version_id)
    )
    return [(row[0], row[1], row[2], row[3]) for row in await sql.execute(query)]


async def originals(sql: AsyncConnection, after: str, limit: int) -> list[tuple[str, str]]:
    """(sha-256, a document that has it) of every content above `after`, by hash."""
    query = (
        select(versions.c.sha256, func.min(versions.c.document_id))
        .where(versions.c.sha256 > after)
        .group_by(versions.c.sha256)
        .order_by(versions.c.sha256)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in await sql.execute(query)]


async def still_used(sql: AsyncConnection, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the (sha-256, document) pairs that a version still has."""
    both = tuple_(versions.c.sha256, versions.c.document_id)
    query = select(versions.c.sha256, versions.c.document_id).where(both.in_(list(pairs)))
    return {(row[0], row[1]) for row in await sql.execute(query)}


async def last_result(sql: AsyncConnection) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = (
        await sql.execute(select(settings.c.value).where(settings.c.name == _RESULT))
    ).scalar_one_or_none()
    return found


async def keep_result(sql: AsyncConnection, result: Mapping[str, Any]) -> None:
    await sql.execute(delete(settings).where(settings.c.name == _RESULT))
    await sql.execute(insert(settings).values(name=_RESULT, value=dict(result), updated_at=utc_now()))
