"""How much there is, and how much waits: counts for metrics, which name no document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.documents.models import VersionStatus
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.tables import attempts, chunks, collections, documents, versions

_WAITING = VersionStatus.ACCEPTED.value
_EMBEDDING = (VersionStatus.INDEXING.value, VersionStatus.SEARCHABLE.value)


@dataclass(frozen=True, slots=True)
class CollectionHoldings:
    """documents: stored; searchable: found by searches, as are the chunks."""

    name: str
    documents: int
    searchable: int
    chunks: int


@dataclass(frozen=True, slots=True)
class QueueHoldings:
    """Versions by how far they are.

    oldest: since when the first of those that wait does; read: when a reading last ended, well or not; dead: documents
    whose newest version failed; newest: when something was last taken in.
    """

    waiting: int
    parsing: int
    embedding: int
    dead: int
    oldest: datetime | None
    read: datetime | None
    newest: datetime | None


class Holdings:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def collections(self) -> list[CollectionHoldings]:
        async with self._database.read() as sql:
            n_chunks = await _chunks(sql)
            rows = (await sql.execute(_documents())).all()
        return [CollectionHoldings(row.name, row.stored, row.searchable, n_chunks.get(row.id, 0)) for row in rows]

    async def first_start(self) -> datetime | None:
        """A server makes its first collection when it first starts."""
        async with self._database.read() as sql:
            found: datetime | None = (await sql.execute(select(func.min(collections.c.created_at)))).scalar_one()
        return found

    async def queue(self) -> QueueHoldings:
        async with self._database.read() as sql:
            counts = await sql.execute(select(versions.c.status, func.count()).group_by(versions.c.status))
            by_status = {row[0]: row[1] for row in counts}
            oldest = select(func.min(versions.c.queued_at)).where(versions.c.status == _WAITING)
            dead = (
                select(func.count())
                .select_from(documents)
                .join(versions, versions.c.id == documents.c.newest_version_id)
                .where(versions.c.status == VersionStatus.FAILED.value)
            )
            # Ids rise with time: their greatest is found at once, the latest time only by looking at all of them.
            read = select(attempts.c.ended_at).order_by(attempts.c.id.desc()).limit(1)
            newest = select(versions.c.created_at).order_by(versions.c.id.desc()).limit(1)
            return QueueHoldings(
                waiting=by_status.get(_WAITING, 0),
                parsing=by_status.get(VersionStatus.PARSING.value, 0),
                embedding=sum(by_status.get(status, 0) for status in _EMBEDDING),
                dead=(await sql.execute(dead)).scalar_one(),
                oldest=(await sql.execute(oldest)).scalar_one_or_none(),
                read=(await sql.execute(read)).scalar_one_or_none(),
                newest=(await sql.execute(newest)).scalar_one_or_none(),
            )


def _documents() -> Select[Any]:
    found = versions.c.searchable_at.is_not(None)
    return (
        select(
            collections.c.id,
            collections.c.name,
            func.count(documents.c.id).label("stored"),
            func.count(versions.c.id).filter(found).label("searchable"),
        )
        .select_from(collections)
        .outerjoin(documents, documents.c.collection_id == collections.c.id)
        .outerjoin(versions, versions.c.id == documents.c.current_version_id)
        .group_by(collections.c.id, collections.c.name)
    )


async def _chunks(sql: AsyncConnection) -> dict[str, int]:
    query = (
        select(documents.c.collection_id, func.count())
        .select_from(chunks)
        .join(documents, documents.c.current_version_id == chunks.c.version_id)
        .group_by(documents.c.collection_id)
    )
    return {row[0]: row[1] for row in await sql.execute(query)}
