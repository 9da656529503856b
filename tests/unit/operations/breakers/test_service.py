from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragkeeper.core.access import Forbidden
from ragkeeper.core.clock import utc_now
from ragkeeper.identity.audit.service import AuditService
from ragkeeper.operations.breakers.errors import BreakerUnknown
from ragkeeper.operations.breakers.service import BreakerService
from ragkeeper.providers.resilience.board import Board
from ragkeeper.providers.resilience.models import Act, Outcome, State
from ragkeeper.storage.sql.database import Database
from tests.schema import migrated
from tests.unit.providers.resilience.stage import KEY, HandClock, calls, guard
from tests.wired import ADMIN, user


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = await migrated(tmp_path / "x.db")
    yield made
    await made.close()


async def test_an_act_is_done_and_recorded_with_its_author(database: Database) -> None:
    board, audit = Board(), AuditService(database, utc_now)
    breakers = BreakerService(board, audit)
    one = board.guard(KEY, lambda: guard(HandClock()))
    await calls(one.breaker, *[Outcome.FAILURE] * 5)
    states = await breakers.act(ADMIN, "groq", Act.CLOSE, "they have mended it")
    assert [state.state for state in states] == [State.CLOSED]
    states = await breakers.act(ADMIN, "groq:chat", Act.OPEN, "")
    assert [(state.state, state.held) for state in states] == [(State.OPEN, True)]
    entries = await audit.entries(ADMIN, limit=10)
    assert [(entry.actor, entry.action, entry.subject) for entry in entries] == [
        (ADMIN.id, "breaker_open", "groq:chat"),
        (ADMIN.id, "breaker_close", "groq:chat"),
    ]
    assert entries[1].details == {"before": "open", "reason": "they have mended it"}


async def test_nobody_else_looks_or_acts_and_nothing_unknown_is_set(database: Database) -> None:
    board, audit = Board(), AuditService(database, utc_now)
    breakers = BreakerService(board, audit)
    one = board.guard(KEY, lambda: guard(HandClock()))
    with pytest.raises(Forbidden):
        await breakers.states(user("ann"))
    with pytest.raises(Forbidden):
        await breakers.act(user("ann"), "groq", Act.OPEN, "")
    with pytest.raises(BreakerUnknown, match="no breaker gork; there are: groq:chat"):
        await breakers.act(ADMIN, "gork", Act.OPEN, "")
    assert one.breaker.state is State.CLOSED
    assert await audit.entries(ADMIN, limit=10) == []


async def test_what_cannot_be_recorded_is_not_done(database: Database) -> None:
    board = Board()
    breakers = BreakerService(board, AuditService(database, utc_now))
    one = board.guard(KEY, lambda: guard(HandClock()))
    async with database.write() as sql:
        await sql.exec_driver_sql("ALTER TABLE audit_log RENAME TO gone")
    with pytest.raises(Exception, match="audit_log"):
        await breakers.act(ADMIN, "groq", Act.OPEN, "")
    assert one.breaker.state is State.CLOSED
