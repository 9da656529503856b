"""Every query about a new index and a change of the embedding model."""

from dataclasses import asdict

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.core.clock import utc_now
from ragkeeper.retrieval.reindex.models import EmbeddingChoice
from ragkeeper.retrieval.vectors import NO_VECTOR
from ragkeeper.storage.sql.tables import chunk_vectors, chunks, documents, settings

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
