"""Every query about a new index and a change of the embedding model."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.core.clock import utc_now
from ragkeeper.retrieval.reindex.models import EmbeddingChoice, Lacking
from ragkeeper.retrieval.vectors import NO_VECTOR, encode_vector
from ragkeeper.storage.sql.tables import (
    chat_history,
    chunk_vectors,
    chunks,
    collections,
    documents,
    index_outbox,
    settings,
)

_CHOICE = "embedding_choice"
_CURRENT = (documents.c.id == chunks.c.document_id) & (documents.c.current_version_id == chunks.c.version_id)


async def embedding_choice(sql: AsyncConnection) -> EmbeddingChoice | None:
    row = (await sql.execute(select(settings.c.value).where(settings.c.name == _CHOICE))).scalar_one_or_none()
    return EmbeddingChoice(row["setting"], row["serving"], row["other"]) if row else None


async def choose_embedding(sql: AsyncConnection, choice: EmbeddingChoice | None) -> None:
    """None: what the environment says."""
    await sql.execute(delete(settings).where(settings.c.name == _CHOICE))
    if choice is not None:
        await sql.execute(insert(settings).values(name=_CHOICE, value=asdict(choice), updated_at=utc_now()))


async def expected(sql: AsyncConnection, model: str) -> tuple[int, int]:
    """How many chunks belong in the index, and how many of them with a vector of this model."""
    n_chunks = (await sql.execute(select(func.count()).select_from(chunks.join(documents, _CURRENT)))).scalar_one()
    with_vector = (
        select(func.count())
        .select_from(chunks.join(documents, _CURRENT).join(chunk_vectors, chunk_vectors.c.chunk_id == chunks.c.id))
        .where(chunk_vectors.c.model == model, chunk_vectors.c.vector != NO_VECTOR)
    )
    return n_chunks, (await sql.execute(with_vector)).scalar_one()


async def lacking(sql: AsyncConnection, model: str, after: int, limit: int) -> list[Lacking]:
    """Chunks above `after` that belong in the index and have no vector of this model, by id."""
    query = (
        select(chunks.c.id, chunks.c.document_id, chunks.c.version_id)
        .add_columns(func.coalesce(chunks.c.indexed_text, chunks.c.text).label("text"))
        .join(documents, _CURRENT)
        .where(chunks.c.id > after, ~_has_vector(model))
        .order_by(chunks.c.id)
        .limit(limit)
    )
    return [Lacking(row.id, row.document_id, row.version_id, row.text) for row in await sql.execute(query)]


async def count_lacking(sql: AsyncConnection, model: str) -> int:
    query = select(func.count()).select_from(chunks.join(documents, _CURRENT)).where(~_has_vector(model))
    return (await sql.execute(query)).scalar_one()


def _has_vector(model: str) -> ColumnElement[bool]:
    own = (chunk_vectors.c.chunk_id == chunks.c.id) & (chunk_vectors.c.model == model)
    return select(chunk_vectors.c.chunk_id).where(own).exists()


async def save_vectors(
    sql: AsyncConnection, pending: Sequence[Lacking], vectors: Sequence[NDArray[np.float32] | None], model: str
) -> list[Lacking]:
    """Store the vectors of those chunks that still exist and lack one; returns these chunks."""
    ids = [chunk.id for chunk in pending]
    wanted = select(chunks.c.id).where(chunks.c.id.in_(ids), ~_has_vector(model))
    still = set((await sql.execute(wanted)).scalars())
    rows = [
        {"chunk_id": chunk.id, "model": model, "vector": NO_VECTOR if vector is None else encode_vector(vector)}
        for chunk, vector in zip(pending, vectors, strict=True)
        if chunk.id in still
    ]
    if rows:
        await sql.execute(insert(chunk_vectors), rows)
    return [chunk for chunk in pending if chunk.id in still]


async def foreign_models(sql: AsyncConnection, model: str) -> list[str]:
    """Other models that vectors are kept of."""
    query = select(chunk_vectors.c.model).distinct().where(chunk_vectors.c.model != model)
    return list((await sql.execute(query)).scalars())


async def forget_model(sql: AsyncConnection, model: str, limit: int) -> int:
    """Delete up to `limit` vectors of this model; returns how many."""
    some = select(chunk_vectors.c.chunk_id).where(chunk_vectors.c.model == model).limit(limit)
    found = await sql.execute(
        delete(chunk_vectors).where(chunk_vectors.c.model == model, chunk_vectors.c.chunk_id.in_(some))
    )
    return found.rowcount


async def changed_since(sql: AsyncConnection, since: datetime) -> list[tuple[str, str]]:
    """(document id, version id) of documents that are in the index and were changed since then."""
    query = select(documents.c.id, documents.c.current_version_id)
    query = query.where(documents.c.current_version_id.is_not(None), documents.c.updated_at >= since)
    return [(row[0], row[1]) for row in await sql.execute(query)]


async def waiting(sql: AsyncConnection) -> int:
    return (await sql.execute(select(func.count()).select_from(index_outbox))).scalar_one()


async def questions(sql: AsyncConnection, limit: int) -> list[str]:
    """What people asked, newest first, each once."""
    asked = select(chat_history.c.content, func.max(chat_history.c.created_at).label("at"))
    query = asked.where(chat_history.c.role == "user").group_by(chat_history.c.content)
    return [row.content for row in await sql.execute(query.order_by(text("at DESC")).limit(limit))]


async def titles(sql: AsyncConnection, limit: int) -> list[str]:
    """Titles of documents, spread over all of them: what to ask where nobody has asked yet."""
    query = select(documents.c.title).where(documents.c.current_version_id.is_not(None)).order_by(documents.c.id)
    found = list(dict.fromkeys((await sql.execute(query)).scalars()))
    return found[:: max(len(found) // limit, 1)][:limit]


async def document_names(sql: AsyncConnection, chunk_ids: Sequence[int]) -> dict[int, str]:
    """Chunk id to the name of its document."""
    query = select(chunks.c.id, documents.c.name).join(documents, _CURRENT).where(chunks.c.id.in_(chunk_ids))
    return {row[0]: row[1] for row in await sql.execute(query)}


async def collection_ids(sql: AsyncConnection) -> frozenset[str]:
    return frozenset((await sql.execute(select(collections.c.id))).scalars())
