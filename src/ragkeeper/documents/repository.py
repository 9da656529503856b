"""Every query about collections, documents, versions and chunks."""

from collections.abc import Collection as Many
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.core.access import Caller, Right
from ragkeeper.documents.models import BROKEN_OFF, Chunk, Collection, Document, Problem, Version, VersionStatus
from ragkeeper.storage.sql.prepared import Query
from ragkeeper.storage.sql.tables import (
    chunk_vectors,
    chunks,
    collection_access,
    collections,
    documents,
    version_texts,
    versions,
)

_ASKED_AT_ONCE = 1000
_BROKEN_OFF = [status.value for status in BROKEN_OFF]
# By document as well: a query that begins with versions (of some status, say) finds their documents by key then.
NEWEST = (documents.c.id == versions.c.document_id) & (documents.c.newest_version_id == versions.c.id)


def _newest_version() -> Select[Any]:
    return (
        select(documents, collections.c.name.label("collection"), *_labelled_version())
        .join(collections, collections.c.id == documents.c.collection_id)
        .join(versions, NEWEST)
    )


def _labelled_version() -> list[Any]:
    return [column.label(f"version_{column.name}") for column in versions.c]


# --- collections ---------------------------------------------------------------------------------------------------


# Built once: every search and every request for documents asks this first.
_EVERY_COLLECTION = Query(
    select(collections.c.id, collections.c.name, collections.c.description, collections.c.created_at).order_by(
        collections.c.name
    )
)
_GRANTED_COLLECTIONS = Query(
    _EVERY_COLLECTION.select.where(
        collections.c.id.in_(
            select(collection_access.c.collection_id).where(
                collection_access.c.principal.in_(bindparam("principals", expanding=True)),
                collection_access.c.access.in_(bindparam("enough", expanding=True)),
            )
        )
    )
)


async def visible_collections(sql: AsyncConnection, caller: Caller, right: Right) -> list[Collection]:
    """The collections on which `caller` holds `right`, by name."""
    query, values = _visible(caller, right)
    return [Collection(*row) for row in await query.rows(sql, **values)]


async def visible_collections_and(
    sql: AsyncConnection, caller: Caller, right: Right, beside: Query
) -> tuple[list[Collection], tuple[Any, ...] | None]:
    """As `visible_collections`, and the values of `beside` at the same moment; None where no collection is visible."""
    query, values = _visible(caller, right)
    rows = await query.beside(beside).rows(sql, **values)
    return [Collection(*row[: query.width]) for row in rows], rows[0][query.width :] if rows else None


def _visible(caller: Caller, right: Right) -> tuple[Query, dict[str, list[str]]]:
    if caller.is_admin:
        return _EVERY_COLLECTION, {}
    enough = [level.value for level in Right if level.includes(right)]
    return _GRANTED_COLLECTIONS, {"principals": list(caller.principals), "enough": enough}


async def collection_exists(sql: AsyncConnection, name: str) -> bool:
    return (await sql.execute(select(collections.c.id).where(collections.c.name == name))).first() is not None


async def add_collection(sql: AsyncConnection, collection: Collection, owner: str) -> None:
    await sql.execute(
        insert(collections).values(
            id=collection.id,
            name=collection.name,
            description=collection.description,
            created_at=collection.created_at,
        )
    )
    await grant(sql, collection.id, owner, Right.MANAGE)


async def grant(sql: AsyncConnection, collection_id: str, principal: str, right: Right) -> None:
    await sql.execute(
        delete(collection_access).where(
            collection_access.c.collection_id == collection_id, collection_access.c.principal == principal
        )
    )
    await sql.execute(
        insert(collection_access).values(collection_id=collection_id, principal=principal, access=right.value)
    )


# --- documents -----------------------------------------------------------------------------------------------------


async def find_document(sql: AsyncConnection, document_id: str, collection_ids: Many[str]) -> Document | None:
    query = _newest_version().where(documents.c.id == document_id, documents.c.collection_id.in_(collection_ids))
    row = (await sql.execute(query)).first()
    return _document(row) if row else None


async def find_known(
    sql: AsyncConnection, collection_ids: Many[str], names: Many[str], hashes: Many[str]
) -> list[Document]:
    """Documents of these collections that have one of the names, or whose newest version has one of the contents."""
    # Each by its own index first: an `or` over two tables would walk through every document of the collection.
    by_name = select(documents.c.id).where(documents.c.collection_id.in_(collection_ids), documents.c.name.in_(names))
    by_content = select(versions.c.document_id).where(versions.c.sha256.in_(hashes))
    query = _newest_version().where(
        documents.c.id.in_(by_name.union(by_content)), (documents.c.collection_id + "").in_(collection_ids)
    )
    return [_document(row) for row in await sql.execute(query)]


async def list_documents(
    sql: AsyncConnection, collection_ids: Many[str], *, after: str | None, limit: int, status: str | None
) -> list[Document]:
    """Newest first, by key: `after` is the last id of the page before."""
    # The empty string keeps the planner from gathering all documents of a collection only to sort them.
    query = _newest_version().where((documents.c.collection_id + "").in_(collection_ids))
    if after:
        query = query.where(documents.c.id < after)
    if status:
        query = query.where(versions.c.status == status)
    rows = await sql.execute(query.order_by(documents.c.id.desc()).limit(limit))
    return [_document(row) for row in rows]


async def count_by_status(sql: AsyncConnection, collection_ids: Many[str]) -> dict[str, int]:
    """Documents by the status of their newest version."""
    query = (
        select(versions.c.status, func.count())
        .join(documents, NEWEST)
        .where((documents.c.collection_id + "").in_(collection_ids))
        .group_by(versions.c.status)
    )
    return {row[0]: row[1] for row in await sql.execute(query)}


async def find_version(sql: AsyncConnection, version_id: str) -> Version | None:
    query = select(versions.c.document_id.label("id"), *_labelled_version()).where(versions.c.id == version_id)
    row = (await sql.execute(query)).first()
    return _version(row) if row else None


async def add_documents(sql: AsyncConnection, added: Sequence[Document]) -> None:
    await sql.execute(
        insert(documents),
        [
            {
                "id": document.id,
                "collection_id": document.collection_id,
                "user_id": document.user_id,
                "name": document.name,
                "title": document.title,
                "metadata": dict(document.metadata),
                "current_version_id": document.current_version_id,
                "newest_version_id": document.version.id,
                "created_at": document.created_at,
                "updated_at": document.updated_at,
            }
            for document in added
        ],
    )


async def touch_document(sql: AsyncConnection, document: Document, now: datetime) -> None:
    """Write what an upload changed: the newest version and the metadata."""
    changed = {"metadata": dict(document.metadata), "newest_version_id": document.version.id, "updated_at": now}
    await sql.execute(update(documents).where(documents.c.id == document.id).values(changed))


async def add_versions(sql: AsyncConnection, added: Sequence[Version]) -> None:
    await sql.execute(
        insert(versions),
        [
            {
                "id": version.id,
                "document_id": version.document_id,
                "number": version.number,
                "sha256": version.sha256,
                "size": version.size,
                "filename": version.filename,
                "title": version.title,
                "media_type": version.media_type,
                "status": version.status.value,
                "priority": version.priority.value,
                "attempts": 0,
                "interruptions": 0,
                "warnings": version.warnings,
                "properties": version.properties,
                "created_at": version.created_at,
                "queued_at": version.created_at,
            }
            for version in added
        ],
    )


async def contents_used(sql: AsyncConnection, hashes: Many[str]) -> set[str]:
    """Those of the contents that some version has."""
    found = select(versions.c.sha256).distinct()
    used: set[str] = set()
    ordered = sorted(hashes)
    for start in range(0, len(ordered), _ASKED_AT_ONCE):
        some = ordered[start : start + _ASKED_AT_ONCE]
        used.update((await sql.execute(found.where(versions.c.sha256.in_(some)))).scalars())
    return used


_AFRESH = {"error_code": None, "error_message": None, "error_fix": None, "interruptions": 0}


async def reread(sql: AsyncConnection, version_ids: Many[str], now: datetime) -> None:
    """Failed or cancelled versions that were never read wait to be read, since `now`."""
    read = select(chunks.c.version_id)
    await sql.execute(
        update(versions)
        .where(versions.c.id.in_(version_ids), versions.c.status.in_(_BROKEN_OFF), versions.c.id.not_in(read))
        .values(status=VersionStatus.ACCEPTED.value, warnings=[], queued_at=now, **_AFRESH)
    )


async def resume(sql: AsyncConnection, version_ids: Many[str], now: datetime) -> list[tuple[str, str]]:
    """Cancelled versions that were read go on towards the index; returns (document id, version id) of each."""
    read = select(chunks.c.version_id)
    query = select(versions.c.document_id, versions.c.id).where(
        versions.c.id.in_(version_ids), versions.c.status.in_(_BROKEN_OFF), versions.c.id.in_(read)
    )
    found = [(row[0], row[1]) for row in await sql.execute(query)]
    await sql.execute(
        update(versions)
        .where(versions.c.id.in_([version for _, version in found]))
        .values(status=VersionStatus.INDEXING.value, queued_at=now, **_AFRESH)
    )
    return found


async def reread_failed(sql: AsyncConnection, collection_ids: Many[str], code: str | None, now: datetime) -> int:
    """Every document's newest version that failed, with this code if one is given, waits to be read; how many."""
    newest = select(documents.c.newest_version_id).where(documents.c.collection_id.in_(collection_ids))
    condition = (versions.c.status == VersionStatus.FAILED.value) & versions.c.id.in_(newest)
    if code is not None:
        condition &= versions.c.error_code == code
    afresh: dict[str, object] = {"status": VersionStatus.ACCEPTED.value, "warnings": [], "queued_at": now, **_AFRESH}
    return (await sql.execute(update(versions).where(condition).values(**afresh))).rowcount


# --- text and chunks -----------------------------------------------------------------------------------------------


async def version_text(sql: AsyncConnection, version_id: str) -> str | None:
    query = select(version_texts.c.text).where(version_texts.c.version_id == version_id)
    return (await sql.execute(query)).scalar_one_or_none()


async def list_chunks(sql: AsyncConnection, version_id: str, *, after: int, limit: int) -> list[Chunk]:
    query = (
        select(chunks)
        .where(chunks.c.version_id == version_id, chunks.c.ordinal > after)
        .order_by(chunks.c.ordinal)
        .limit(limit)
    )
    return [_chunk(row) for row in await sql.execute(query)]


async def count_chunks(sql: AsyncConnection, collection_ids: Many[str]) -> int:
    query = (
        select(func.count())
        .select_from(chunks)
        .join(documents, documents.c.current_version_id == chunks.c.version_id)
        .where(documents.c.collection_id.in_(collection_ids))
    )
    return (await sql.execute(query)).scalar_one()


# --- states --------------------------------------------------------------------------------------------------------


async def mark_searchable(sql: AsyncConnection, version_ids: Sequence[str], now: datetime) -> dict[str, datetime]:
    """The versions' words are in the index. Returns since when those of which this is new were waiting for it."""
    changed = await sql.execute(
        update(versions)
        .where(versions.c.id.in_(version_ids), versions.c.status == VersionStatus.INDEXING.value)
        .values(status=VersionStatus.SEARCHABLE.value, searchable_at=now)
        .returning(versions.c.id, versions.c.queued_at)
    )
    return {row.id: row.queued_at for row in changed}


async def mark_ready(sql: AsyncConnection, version_ids: Sequence[str], model: str, now: datetime) -> list[str]:
    """Those of the versions whose every chunk has a vector of `model` are done; returns their ids."""
    vector = select(chunk_vectors.c.chunk_id).where(
        chunk_vectors.c.chunk_id == chunks.c.id, chunk_vectors.c.model == model
    )
    missing = select(chunks.c.id).where(chunks.c.version_id == versions.c.id, ~vector.exists())
    changed = await sql.execute(
        update(versions)
        .where(
            versions.c.id.in_(version_ids),
            versions.c.status.in_([VersionStatus.INDEXING.value, VersionStatus.SEARCHABLE.value]),
            ~missing.exists(),
        )
        .values(status=VersionStatus.READY.value, ready_at=now)
        .returning(versions.c.id)
    )
    return list(changed.scalars())


def _document(row: Row[Any]) -> Document:
    return Document(
        id=row.id,
        collection_id=row.collection_id,
        collection=row.collection,
        user_id=row.user_id,
        name=row.name,
        title=row.title,
        metadata=row.metadata,
        current_version_id=row.current_version_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
        version=_version(row),
    )


def _version(row: Row[Any]) -> Version:
    problem = Problem(row.version_error_code, row.version_error_message, row.version_error_fix)
    return Version(
        id=row.version_id,
        document_id=row.id,
        number=row.version_number,
        sha256=row.version_sha256,
        size=row.version_size,
        filename=row.version_filename,
        title=row.version_title,
        media_type=row.version_media_type,
        status=VersionStatus(row.version_status),
        attempts=row.version_attempts,
        problem=problem if row.version_error_code else None,
        warnings=row.version_warnings,
        properties=row.version_properties,
        pages=row.version_pages,
        characters=row.version_characters,
        created_at=row.version_created_at,
        searchable_at=row.version_searchable_at,
        ready_at=row.version_ready_at,
    )


def _chunk(row: Row[Any]) -> Chunk:
    return Chunk(
        id=row.id,
        ordinal=row.ordinal,
        start=row.start,
        end=row.end,
        page=row.page,
        page_end=row.page_end,
        tokens=row.tokens,
        headings=tuple(row.headings),
        text=row.text,
    )
