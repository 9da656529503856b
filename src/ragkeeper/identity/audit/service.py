"""Acts are recorded before they are done: what cannot be recorded is not done."""

from typing import Any

from ragkeeper.core.access import Caller
from ragkeeper.core.clock import Clock
from ragkeeper.identity.audit import repository
from ragkeeper.identity.audit.models import AuditEntry
from ragkeeper.storage.sql.database import Database

# Larger than any entry's number.
NEWEST = 2**49


class AuditService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def record(self, caller: Caller, action: str, subject: str, **details: Any) -> None:
        """details: JSON, without secrets. Raises what a database raises that takes no changes."""
        async with self._database.write() as sql:
            await repository.add(sql, self._clock(), caller.id, action, subject, details)

    async def entries(
        self, caller: Caller, *, before: int = NEWEST, action: str | None = None, limit: int
    ) -> list[AuditEntry]:
        """Newest first, older than the entry `before`. Raises Forbidden."""
        caller.require_admin("read the audit log")
        async with self._database.read() as sql:
            return await repository.before(sql, before, action, limit)
