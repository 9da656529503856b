"""What an administrator forced, kept in the table of settings, and a change that only proves that changes are kept."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.operations.degradation.models import Forced, Step
from ragkeeper.storage.sql.tables import settings

_log = structlog.get_logger()

_FORCED = "forced_degradation"
_PROOF = "proof_of_writing"


async def stored_forced(sql: AsyncConnection) -> Forced | None:
    """None also for one of another release, whose step or whose fields this one does not know: the log says so."""
    found = (await sql.execute(select(settings.c.value).where(settings.c.name == _FORCED))).scalar_one_or_none()
    if not found:
        return None
    try:
        return _forced(found)
    except (ValueError, KeyError, TypeError) as error:
        step = found.get("step") if isinstance(found, dict) else None
        _log.warning("forced_step_ignored", step=step, reason=f"{type(error).__name__}: {error}")
        return None


async def store_forced(sql: AsyncConnection, forced: Forced | None, now: datetime) -> None:
    value = None if forced is None else _value(forced)
    await _replace(sql, _FORCED, value, now)


async def prove_writing(sql: AsyncConnection, now: datetime) -> None:
    """Changes a row, so that a commit has something to keep."""
    await _replace(sql, _PROOF, {"at": now.isoformat()}, now)


def _forced(found: Mapping[str, str]) -> Forced:
    return Forced(
        step=Step(found["step"]),
        by=found["by"],
        since=datetime.fromisoformat(found["since"]),
        until=datetime.fromisoformat(found["until"]),
        reason=found["reason"],
    )


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
