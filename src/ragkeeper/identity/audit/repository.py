"""Every query about the audit log. There is none that changes or removes an entry."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.identity.audit.models import AuditEntry
from ragkeeper.storage.sql.tables import audit_log


async def add(
    sql: AsyncConnection, at: datetime, actor: str, action: str, subject: str, details: Mapping[str, Any]
) -> None:
    await sql.execute(insert(audit_log).values(at=at, actor=actor, action=action, subject=subject, details=details))


async def before(sql: AsyncConnection, entry: int, action: str | None, limit: int) -> list[AuditEntry]:
    """The entries older than this one, newest first; of one action, or of all."""
    query = select(audit_log).where(audit_log.c.id < entry).order_by(audit_log.c.id.desc()).limit(limit)
    if action is not None:
        query = query.where(audit_log.c.action == action)
    rows = await sql.execute(query)
    return [AuditEntry(row.id, row.at, row.actor, row.action, row.subject, row.details) for row in rows]
