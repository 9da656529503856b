"""What an administrator forced, kept in the table of settings, and a change that only proves that changes are kept."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.operations.degradation.models import Forced, Step
from ragkeeper.storage.sql.tables import settings

_FORCED = "forced_degradation"
_PROOF = "proof_of_writing"


async def stored_forced(sql: AsyncConnection) -> Forced | None:
    found = (await sql.execute(select(settings.c.value).where(settings.c.name == _FORCED))).scalar_one_or_none()
    if not found:
        return None
    return Forced(
        step=Step(found["step"]),
        by=found["by"],
        since=datetime.fromisoformat(found["since"]),
        until=datetime.fromisoformat(found["until"]),
        reason=found["reason"],
    )


async def store_forced(sql: AsyncConnection, forced: Forced | None, now: datetime) -> None:
    value = None if forced is None else _value(forced)
    await _replace(sql, _FORCED, value, now)


async def prove_writing(sql: AsyncConnection, now: datetime) -> None:
    """Changes a row, so that a commit has something to keep."""
    await _replace(sql, _PROOF, {"at": now.isoformat()}, now)


def _value(forced: Forced) -> dict[str, Any]:
    return {
        "step": forced.step.value,
        "by": forced.by,
        "since": forced.since.isoformat(),
        "until": forced.until.isoformat(),
        "reason": forced.reason,
    }


async def _replace(sql: AsyncConnection, name: str, value: dict[str, Any] | None, now: datetime) -> None:
    await sql.execute(delete(settings).where(settings.c.name == name))
    if value is not None:
        await sql.execute(insert(settings).values(name=name, value=value, updated_at=now))
