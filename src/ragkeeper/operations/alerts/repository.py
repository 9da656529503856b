"""Silences and what was told, kept in the table of settings: they survive a restart."""

from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.operations.alerts.telling import Silence
from ragkeeper.storage.sql.tables import settings

_log = structlog.get_logger()

_SILENCES = "alert_silences"
_TOLD = "alerts_told"


async def silences(sql: AsyncConnection) -> list[Silence]:
    """None where they cannot be read: the log says so, and people are told too much rather than nothing."""
    found = await _value(sql, _SILENCES)
    try:
        return [
            Silence(one["alert"], datetime.fromisoformat(one["until"]).astimezone(UTC), one["by"], one["reason"])
            for one in found or []
        ]
    except (KeyError, TypeError, ValueError) as error:
        _log.warning("alert_silences_ignored", reason=f"{type(error).__name__}: {error}")
        return []


async def store(sql: AsyncConnection, kept: list[Silence], now: datetime) -> None:
    value = [{"alert": one.alert, "until": one.until.isoformat(), "by": one.by, "reason": one.reason} for one in kept]
    await _replace(sql, _SILENCES, value, now)


async def told(sql: AsyncConnection) -> Any:
    """As it was stored; None where nothing is."""
    return await _value(sql, _TOLD)


async def store_told(sql: AsyncConnection, value: Any, now: datetime) -> None:
    await _replace(sql, _TOLD, value, now)


async def _value(sql: AsyncConnection, name: str) -> Any:
    try:
        return (await sql.execute(select(settings.c.value).where(settings.c.name == name))).scalar_one_or_none()
    except ValueError as error:  # it is no JSON
        _log.warning("setting_ignored", name=name, reason=f"{type(error).__name__}: {error}")
        return None


async def _replace(sql: AsyncConnection, name: str, value: Any, now: datetime) -> None:
    await sql.execute(delete(settings).where(settings.c.name == name))
    await sql.execute(insert(settings).values(name=name, value=value, updated_at=now))
