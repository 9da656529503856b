"""The newest run, as it is kept."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.quality.golden.models import GoldenRun
from ragkeeper.storage.sql.tables import settings

_NAME = "golden_run"


async def keep(sql: AsyncConnection, run: GoldenRun) -> None:
    value = {**asdict(run), "asked_at": run.asked_at.isoformat(), "missed": list(run.missed)}
    await sql.execute(delete(settings).where(settings.c.name == _NAME))
    await sql.execute(insert(settings).values(name=_NAME, value=value, updated_at=run.asked_at))


async def newest(sql: AsyncConnection) -> GoldenRun | None:
    query = select(settings.c.value).where(settings.c.name == _NAME)
    found: Mapping[str, Any] | None = (await sql.execute(query)).scalar_one_or_none()
    if found is None:
        return None
    when, missed = datetime.fromisoformat(found["asked_at"]), tuple(found["missed"])
    return GoldenRun(when, found["questions"], found["hit_rate"], found["ndcg"], missed)
