"""Every query about the processes that read files: who lives, and what those held that do not."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.documents.models import VersionStatus
from ragkeeper.storage.sql.tables import versions, workers


async def register(sql: AsyncConnection, worker: str, now: datetime) -> None:
    await sql.execute(insert(workers).values(id=worker, started_at=now, beat=0))


async def beat(sql: AsyncConnection, worker: str) -> bool:
    """False when its row is gone: others took it for dead."""
    found = await sql.execute(update(workers).where(workers.c.id == worker).values(beat=workers.c.beat + 1))
    return bool(found.rowcount)


async def beats(sql: AsyncConnection) -> dict[str, int]:
    """Worker id → its beat."""
    return {row[0]: row[1] for row in await sql.execute(select(workers.c.id, workers.c.beat))}


async def remove(sql: AsyncConnection, worker_ids: Collection[str]) -> None:
    await sql.execute(delete(workers).where(workers.c.id.in_(worker_ids)))


async def remove_others(sql: AsyncConnection, worker: str) -> None:
    await sql.execute(delete(workers).where(workers.c.id != worker))


async def take_over(sql: AsyncConnection) -> int:
    """Versions that are being read by nobody who has a row wait again; returns how many."""
    held = versions.c.claimed_by.is_not(None) & versions.c.claimed_by.in_(select(workers.c.id))
    found = await sql.execute(
        update(versions)
        .where(versions.c.status == VersionStatus.PARSING.value, ~held)
        .values(status=VersionStatus.ACCEPTED.value, interruptions=versions.c.interruptions + 1, claimed_by=None)
    )
    return found.rowcount
