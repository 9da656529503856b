from datetime import UTC, datetime
from pathlib import Path

import pytest

from ragkeeper.core.access import Forbidden
from ragkeeper.identity.audit.service import AuditService
from tests.schema import migrated
from tests.wired import ADMIN, user

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


async def test_acts_are_listed_newest_first_page_by_page(tmp_path: Path) -> None:
    database = await migrated(tmp_path / "x.db")
    audit = AuditService(database, lambda: NOW)
    for number in range(5):
        await audit.record(ADMIN, "breaker_close" if number % 2 else "breaker_open", "groq:chat", number=number)
    first = await audit.entries(ADMIN, limit=3)
    rest = await audit.entries(ADMIN, before=first[-1].id, limit=3)
    closed = await audit.entries(ADMIN, action="breaker_close", limit=10)
    with pytest.raises(Forbidden):
        await audit.entries(user("ann"), limit=10)
    await database.close()
    assert [entry.details["number"] for entry in [*first, *rest]] == [4, 3, 2, 1, 0]
    assert [entry.details["number"] for entry in closed] == [3, 1]
    newest = first[0]
    assert (newest.at, newest.actor, newest.action, newest.subject) == (NOW, ADMIN.id, "breaker_open", "groq:chat")
