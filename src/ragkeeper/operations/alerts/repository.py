"""Silences, kept in the table of settings: they survive a restart."""

from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.operations.alerts.telling import Silence
from ragkeeper.storage.sql.tables import settings

_NAME = "alert_silences"


async def silences(sql: AsyncConnection) -> list[Silence]:
    found = (await sql.execute(select(settings.c.value).where(settings.c.name == _NAME))).scalar_one_or_none()
    return [
        Silence(one["alert"], datetime.fromisoformat(one["until"]), one["by"], one["reason"]) for one in found or []
    ]


async def store(sql: AsyncConnection, kept: list[Silence], now: datetime) -> None:
    value = [{"alert": one.alert, "until": one.until.isoformat(), "by": one.by, "reason": one.reason} for one in kept]
    await sql.execute(delete(settings).where(settings.c.name == _NAME))
    await sql.execute(insert(settings).values(name=_NAME, value=value, updated_at=now))
