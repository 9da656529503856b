"""Every query of retrieval: outbox rows, what the index is made from, and the join that confirms its hits."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.core.clock import utc_now
from ragkeeper.core.ids import new_id
from ragkeeper.retrieval.models import ConfirmedChunk, IndexOperation, OutboxRow
from ragkeeper.retrieval.vectors import NO_VECTOR, decode_vector
from ragkeeper.storage.sql.prepared import Query
from ragkeeper.storage.sql.tables import (
    chunk_vectors,
    chunks,
    collections,
    documents,
    index_outbox,
    settings,
    versions,
)
from ragkeeper.storage.vectors.port import VectorEntry, WordsEntry

# By document as well as by version: documents are found by their key then, not by a walk through all of them.
_CURRENT = (documents.c.id == chunks.c.document_id) & (documents.c.current_version_id == chunks.c.version_id)


_VERSION = "documents_version"
SETTLED = Query(
    select(
        select(settings.c.value).where(settings.c.name == _VERSION).scalar_subquery().label("version"),
        exists(select(index_outbox.c.id)).label("waiting"),
    )
)


# --- outbox --------------------------------------------------------------------------------------------------------


async def add_outbox_rows(sql: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Every change that a search could notice comes this way, so this is where the documents get a new version."""
    if rows:
        await sql.execute(insert(index_outbox), list(rows))
        await renew_version(sql)


async def renew_version(sql: AsyncConnection) -> None:
    """A version that never was before: of a restored backup too, whose next changes are not the ones that were.

    Once in a transaction, however many changes it holds: nobody sees what lies between them.
    """
    transaction = sql.sync_connection.get_transaction() if sql.sync_connection else None
    if transaction is not None and sql.info.get(_VERSION) is transaction:
        return
    values = {"value": new_id(), "updated_at": utc_now()}
    changed = await sql.execute(update(settings).where(settings.c.name == _VERSION).values(values))
    if not changed.rowcount:
        await sql.execute(insert(settings).values(name=_VERSION, **values))
    sql.info[_VERSION] = transaction


async def settled_version(sql: AsyncConnection) -> str | None:
    """The documents' version, None while the index does not hold all of it."""
    [found] = await SETTLED.rows(sql)
    return settled(*found)


def settled(version: str | None, waiting: object) -> str | None:
    """What the values of SETTLED mean."""
    return None if waiting else version or ""


async def next_outbox_rows(sql: AsyncConnection, limit: int) -> list[OutboxRow]:
    rows = await sql.execute(select(index_outbox).order_by(index_outbox.c.id).limit(limit))
    return [
        OutboxRow(
            id=row.id,
            operation=IndexOperation(row.operation),
            document_id=row.document_id,
            version_id=row.version_id,
            first_chunk_id=row.first_chunk_id,
            last_chunk_id=row.last_chunk_id,
        )
        for row in rows
    ]


async def remove_outbox_rows(sql: AsyncConnection, ids: Collection[int]) -> None:
    await sql.execute(delete(index_outbox).where(index_outbox.c.id.in_(ids)))


async def waiting_for_vectors(sql: AsyncConnection, version_ids: Collection[str]) -> set[str]:
    """Those of the versions with vectors that are in SQL and not in the index yet."""
    query = select(index_outbox.c.version_id).where(index_outbox.c.operation == IndexOperation.ADD_VECTORS.value)
    return set((await sql.execute(query.where(index_outbox.c.version_id.in_(version_ids)))).scalars())


async def outbox_backlog(sql: AsyncConnection) -> tuple[int, datetime | None]:
    """How many rows wait, and since when the oldest does."""
    row = (await sql.execute(select(func.count(), func.min(index_outbox.c.created_at)))).one()
    return row[0], row[1]


# --- what the index is made from -----------------------------------------------------------------------------------


async def chunk_counts(sql: AsyncConnection, version_ids: Collection[str]) -> dict[str, int]:
    """Version id → how many chunks it has."""
    query = select(chunks.c.version_id, func.count()).where(chunks.c.version_id.in_(version_ids))
    return {row[0]: row[1] for row in await sql.execute(query.group_by(chunks.c.version_id))}


async def words_of(sql: AsyncConnection, version_ids: Collection[str], after: int, limit: int) -> list[WordsEntry]:
    """The words of chunks above `after`, by id, of those of the versions that are current."""
    query = (
        select(chunks.c.id, chunks.c.version_id, chunks.c.document_id, chunks.c.text, chunks.c.indexed_text)
        .add_columns(documents.c.collection_id, documents.c.metadata.label("document_metadata"))
        .join(documents, _CURRENT)
        .where(chunks.c.version_id.in_(version_ids), chunks.c.id > after)
        .order_by(chunks.c.id)
        .limit(limit)
    )
    return [_words(row) for row in await sql.execute(query)]


def _words(row: Any) -> WordsEntry:
    return WordsEntry(
        chunk_id=row.id,
        version_id=row.version_id,
        document_id=row.document_id,
        collection_id=row.collection_id,
        text=row.indexed_text or row.text,
        metadata=row.document_metadata,
    )


async def vectors_of(
    sql: AsyncConnection, version_ids: Collection[str], first: int, last: int, model: str
) -> list[VectorEntry]:
    """The stored vectors of those of the chunks first..last that belong to these versions."""
    query = (
        select(chunk_vectors.c.chunk_id, chunk_vectors.c.vector)
        .join(chunks, chunks.c.id == chunk_vectors.c.chunk_id)
        .where(chunk_vectors.c.chunk_id.between(first, last), chunks.c.version_id.in_(version_ids))
        .where(chunk_vectors.c.model == model, chunk_vectors.c.vector != NO_VECTOR)
    )
    return [VectorEntry(row.chunk_id, decode_vector(row.vector)) for row in await sql.execute(query)]


async def entries_after(
    sql: AsyncConnection, model: str, after: int, limit: int
) -> list[tuple[WordsEntry, NDArray[np.float32] | None]]:
    """Chunks above `after` that belong in the index, by id: their words, and their vector of this model if any."""
    vector = (chunk_vectors.c.chunk_id == chunks.c.id) & (chunk_vectors.c.model == model)
    query = (
        select(chunks.c.id, chunks.c.version_id, chunks.c.document_id, chunks.c.text, chunks.c.indexed_text)
        .add_columns(documents.c.collection_id, documents.c.metadata.label("document_metadata"))
        .add_columns(chunk_vectors.c.vector)
        .join(documents, _CURRENT)
        .outerjoin(chunk_vectors, vector)
        .where(chunks.c.id > after)
        .order_by(chunks.c.id)
        .limit(limit)
    )
    return [(_words(row), decode_vector(row.vector) if row.vector else None) for row in await sql.execute(query)]


async def current_chunk_versions(sql: AsyncConnection, after: int, limit: int) -> list[tuple[int, str]]:
    """(chunk id, version id) of every chunk that belongs in the index, by id."""
    query = (
        select(chunks.c.id, chunks.c.version_id)
        .join(documents, _CURRENT)
        .where(chunks.c.id > after)
        .order_by(chunks.c.id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in await sql.execute(query)]


async def version_ranges(sql: AsyncConnection, version_ids: Collection[str]) -> list[tuple[str, str, int, int]]:
    """(document id, version id, first chunk id, last chunk id) of those of the versions that are current."""
    query = (
        select(chunks.c.document_id, chunks.c.version_id, func.min(chunks.c.id), func.max(chunks.c.id))
        .join(documents, _CURRENT)
        .where(chunks.c.version_id.in_(version_ids))
        .group_by(chunks.c.document_id, chunks.c.version_id)
    )
    return [(row[0], row[1], row[2], row[3]) for row in await sql.execute(query)]


async def current_vector_versions(sql: AsyncConnection, model: str, after: int, limit: int) -> list[tuple[int, str]]:
    """(chunk id, version id) of every chunk whose vector belongs in the index, by id."""
    query = (
        select(chunk_vectors.c.chunk_id, chunks.c.version_id)
        .join(chunks, chunks.c.id == chunk_vectors.c.chunk_id)
        .join(documents, _CURRENT)
        .where(chunk_vectors.c.chunk_id > after)
        .where(chunk_vectors.c.model == model, chunk_vectors.c.vector != NO_VECTOR)
        .order_by(chunk_vectors.c.chunk_id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in await sql.execute(query)]


# --- confirming hits -----------------------------------------------------------------------------------------------

_SHOWN = {
    "chunk_id": chunks.c.id,
    "version_id": chunks.c.version_id,
    "document_id": chunks.c.document_id,
    "collection": collections.c.name,
    "name": documents.c.name,
    "title": documents.c.title,
    "metadata": documents.c.metadata,
    "ordinal": chunks.c.ordinal,
    "start": chunks.c.start,
    "end": chunks.c.end,
    "page": chunks.c.page,
    "page_end": chunks.c.page_end,
    "headings": chunks.c.headings,
    "text": chunks.c.text,
    "gap": chunks.c.gap,
}
# Built once: compiling a statement costs more than running this one. Its columns come in the order of the fields:
# making a chunk from values that are asked for by name takes five times as long.
_CONFIRM = Query(
    select(*(_SHOWN[name].label(name) for name in ConfirmedChunk._fields))
    .select_from(chunks)
    .join(documents, _CURRENT)
    .join(collections, collections.c.id == documents.c.collection_id)
    .where(chunks.c.id.in_(bindparam("chunk_ids", expanding=True)))
    # The empty string keeps the planner from starting at a collection and walking through all of its documents.
    .where((documents.c.collection_id + "").in_(bindparam("collection_ids", expanding=True)))
)


_STILL_CURRENT = Query(
    select(versions.c.id)
    .join(documents, (documents.c.id == versions.c.document_id) & (documents.c.current_version_id == versions.c.id))
    .where(versions.c.id.in_(bindparam("version_ids", expanding=True)))
)
_STILL_READABLE = Query(
    _STILL_CURRENT.select.where((documents.c.collection_id + "").in_(bindparam("collection_ids", expanding=True)))
)


async def confirm(
    sql: AsyncConnection, chunk_ids: Iterable[int], collection_ids: Collection[str]
) -> dict[int, ConfirmedChunk]:
    """Those of the chunks that exist, belong to a current version and lie in an allowed collection."""
    rows = await _CONFIRM.rows(sql, chunk_ids=list(chunk_ids), collection_ids=list(collection_ids))
    return {row[0]: ConfirmedChunk(*row) for row in rows}


async def still_current(
    sql: AsyncConnection, version_ids: Collection[str], collection_ids: Collection[str] | None = None
) -> set[str]:
    """Those of the versions that searches may still show; collection_ids: only of documents in these."""
    if collection_ids is None:
        rows = await _STILL_CURRENT.rows(sql, version_ids=list(version_ids))
    else:
        rows = await _STILL_READABLE.rows(sql, version_ids=list(version_ids), collection_ids=list(collection_ids))
    return {version_id for (version_id,) in rows}
