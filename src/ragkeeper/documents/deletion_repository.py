"""Every query about deletions."""

from collections import defaultdict
from collections.abc import Collection as Many
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.documents.models import BROKEN_OFF, Deletable, DeletedDocument, DeletionReceipt, Selection
from ragkeeper.documents.repository import NEWEST
from ragkeeper.storage.sql.tables import (
    chunks,
    collections,
    deleted_documents,
    deletions,
    documents,
    versions,
)

SAMPLE = 100
"""Documents that a receipt names at once."""

_DELETABLE = select(
    documents.c.id,
    documents.c.collection_id,
    documents.c.name,
    documents.c.title,
    documents.c.metadata.label("document_metadata"),
    collections.c.name.label("collection"),
).join(collections, collections.c.id == documents.c.collection_id)


async def by_ids(sql: AsyncConnection, ids: Many[str], collection_ids: Many[str]) -> list[Deletable]:
    query = _DELETABLE.where(documents.c.id.in_(ids), (documents.c.collection_id + "").in_(collection_ids))
    return await _deletables(sql, query.order_by(documents.c.id))


async def page(
    sql: AsyncConnection, collection_ids: Many[str], selection: Selection, after: str, limit: int
) -> list[Deletable]:
    """Documents above `after`, by id, that everything but the selection's metadata lets through."""
    query = _DELETABLE.where(documents.c.id > after, (documents.c.collection_id + "").in_(collection_ids))
    if selection.status is not None:
        query = query.join(versions, NEWEST).where(versions.c.status == selection.status.value)
    if selection.name_prefix is not None:
        # Not LIKE: SQLite's takes capitals and small letters for the same.
        prefix = selection.name_prefix
        query = query.where(func.substr(documents.c.name, 1, len(prefix)) == prefix)
    if selection.added_before is not None:
        query = query.where(documents.c.created_at < selection.added_before)
    return await _deletables(sql, query.order_by(documents.c.id).limit(limit))


async def begin(sql: AsyncConnection, deletion_id: str, caller_id: str, now: datetime) -> None:
    """Write the receipt's row, once."""
    if (await sql.execute(select(deletions.c.id).where(deletions.c.id == deletion_id))).first() is None:
        values = {"id": deletion_id, "deleted_at": now, "deleted_by": caller_id, "originals_removed": 0}
        await sql.execute(insert(deletions).values(values))


async def remove(sql: AsyncConnection, deletion_id: str, doomed: Sequence[Deletable]) -> Mapping[str, set[str]]:
    """Delete those of the documents that are still there, and note each; document id → its contents."""
    ids = [one.id for one in doomed]
    present = set((await sql.execute(select(documents.c.id).where(documents.c.id.in_(ids)))).scalars())
    contents: dict[str, set[str]] = defaultdict(set)
    n_versions: dict[str, int] = defaultdict(int)
    for row in await sql.execute(
        select(versions.c.document_id, versions.c.sha256).where(versions.c.document_id.in_(ids))
    ):
        contents[row.document_id].add(row.sha256)
        n_versions[row.document_id] += 1
    counted = (
        select(chunks.c.document_id, func.count()).where(chunks.c.document_id.in_(ids)).group_by(chunks.c.document_id)
    )
    n_chunks = {row[0]: row[1] for row in await sql.execute(counted)}
    noted = [
        {
            "document_id": one.id,
            "deletion_id": deletion_id,
            "collection": one.collection,
            "name": one.name,
            "versions": n_versions[one.id],
            "chunks": n_chunks.get(one.id, 0),
            "contents": sorted(contents[one.id]),
        }
        for one in doomed
        if one.id in present
    ]
    if noted:
        await sql.execute(insert(deleted_documents), noted)
        await sql.execute(delete(documents).where(documents.c.id.in_(present)))
    return {document_id: contents[document_id] for document_id in present}


async def drop_newest_version(sql: AsyncConnection, document_id: str, version_id: str) -> bool:
    """Remove a broken-off newest version; False, and nothing changed, when the document has no other."""
    before = (
        select(versions.c.id)
        .where(versions.c.document_id == document_id, versions.c.id != version_id)
        .order_by(versions.c.number.desc())
        .limit(1)
    )
    newest = (await sql.execute(before)).scalar_one_or_none()
    if newest is None:
        return False
    broken_off = [status.value for status in BROKEN_OFF]
    gone = await sql.execute(delete(versions).where(versions.c.id == version_id, versions.c.status.in_(broken_off)))
    if gone.rowcount:
        await sql.execute(update(documents).where(documents.c.id == document_id).values(newest_version_id=newest))
    return True


async def finish(sql: AsyncConnection, deletion_id: str, originals_removed: int) -> None:
    await sql.execute(
        update(deletions).where(deletions.c.id == deletion_id).values(originals_removed=originals_removed)
    )


async def find_receipt(sql: AsyncConnection, deletion_id: str) -> DeletionReceipt | None:
    found = await _receipts(sql, select(deletions).where(deletions.c.id == deletion_id))
    return found[0] if found else None


async def list_receipts(
    sql: AsyncConnection, *, whose: str | None, document_id: str | None, after: str | None, limit: int
) -> list[DeletionReceipt]:
    """Newest first, by key: `after` is the last id of the page before."""
    query = select(deletions).order_by(deletions.c.id.desc()).limit(limit)
    if whose is not None:
        query = query.where(deletions.c.deleted_by == whose)
    if document_id is not None:
        of = select(deleted_documents.c.deletion_id).where(deleted_documents.c.document_id == document_id)
        query = query.where(deletions.c.id.in_(of))
    if after is not None:
        query = query.where(deletions.c.id < after)
    return await _receipts(sql, query)


async def members(sql: AsyncConnection, deletion_id: str, *, after: str, limit: int) -> list[DeletedDocument]:
    """The documents of one deletion above `after`, by id."""
    query = select(deleted_documents).where(
        deleted_documents.c.deletion_id == deletion_id, deleted_documents.c.document_id > after
    )
    rows = await sql.execute(query.order_by(deleted_documents.c.document_id).limit(limit))
    return [
        DeletedDocument(row.document_id, row.collection, row.name, row.versions, row.chunks, tuple(row.contents))
        for row in rows
    ]


async def deleted_contents(sql: AsyncConnection) -> set[str]:
    """The originals of everything that was ever deleted."""
    return {one for row in await sql.execute(select(deleted_documents.c.contents)) for one in row.contents}


async def _receipts(sql: AsyncConnection, query: Select[Any]) -> list[DeletionReceipt]:
    rows = (await sql.execute(query)).all()
    sums = (
        select(deleted_documents.c.deletion_id, func.count(), func.sum(deleted_documents.c.versions))
        .add_columns(func.sum(deleted_documents.c.chunks))
        .where(deleted_documents.c.deletion_id.in_([row.id for row in rows]))
        .group_by(deleted_documents.c.deletion_id)
    )
    totals = {row[0]: (row[1], row[2], row[3]) for row in await sql.execute(sums)}
    return [
        DeletionReceipt(
            row.id,
            row.deleted_at,
            row.deleted_by,
            *totals.get(row.id, (0, 0, 0)),
            row.originals_removed,
            tuple(await members(sql, row.id, after="", limit=SAMPLE)),
        )
        for row in rows
    ]


async def _deletables(sql: AsyncConnection, query: Select[Any]) -> list[Deletable]:
    return [
        Deletable(row.id, row.collection_id, row.collection, row.name, row.title, row.document_metadata)
        for row in await sql.execute(query)
    ]
