"""Every query about counted errors."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, delete, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.core.tally import Counted
from ragkeeper.storage.sql.tables import error_counts

_COLUMNS = error_counts.c


async def add(sql: AsyncConnection, counted: Sequence[Counted]) -> None:
    rows = [
        {"hour": one.hour, "code": one.code, "count": one.count, "first_at": one.first, "last_at": one.last}
        for one in counted
    ]
    new = insert(error_counts)
    earlier = case((new.excluded.first_at < _COLUMNS.first_at, new.excluded.first_at), else_=_COLUMNS.first_at)
    later = case((new.excluded.last_at > _COLUMNS.last_at, new.excluded.last_at), else_=_COLUMNS.last_at)
    merged = {"count": _COLUMNS.count + new.excluded.count, "first_at": earlier, "last_at": later}
    await sql.execute(new.on_conflict_do_update(index_elements=["hour", "code"], set_=merged), rows)


async def forget_before(sql: AsyncConnection, hour: datetime) -> None:
    await sql.execute(delete(error_counts).where(_COLUMNS.hour < hour))


async def since(sql: AsyncConnection, moment: datetime) -> list[Counted]:
    """By code, of all hours in which something happened after this moment."""
    least, most = func.min(_COLUMNS.first_at), func.max(_COLUMNS.last_at)
    query = (
        select(func.min(_COLUMNS.hour), _COLUMNS.code, func.sum(_COLUMNS.count), least, most)
        .where(_COLUMNS.last_at >= moment)
        .group_by(_COLUMNS.code)
    )
    return [Counted(*row) for row in await sql.execute(query)]
