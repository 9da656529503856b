from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from ragkeeper.core.tally import ErrorTally
from ragkeeper.operations.errors.service import ErrorService
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.tables import error_counts
from tests.schema import migrated

BEGIN = datetime(2026, 1, 1, 12, 59, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tally(clock: Clock) -> ErrorTally:
    return ErrorTally(clock)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = await migrated(tmp_path / "x.db")
    yield made
    await made.close()


async def test_errors_are_told_by_code_with_first_and_last(database: Database, tally: ErrorTally, clock: Clock) -> None:
    service = ErrorService(database, tally, clock)
    for code in ("a", "b", "a"):
        tally.count(code)
        await service.store()
        clock.now += timedelta(minutes=30)
    tally.count("a")
    found = await service.last_day()
    assert list(found) == ["a", "b"]
    assert (found["a"].count, found["b"].count) == (3, 1)
    assert (found["a"].first, found["a"].last) == (BEGIN, BEGIN + timedelta(minutes=90))


async def test_only_the_span_is_told_and_old_ones_are_forgotten(
    database: Database, tally: ErrorTally, clock: Clock
) -> None:
    service = ErrorService(database, tally, clock)
    tally.count("old")
    await service.store()
    clock.now += timedelta(hours=25)
    tally.count("new")
    assert list(await service.last_day()) == ["new"]
    assert set(await service.since(BEGIN)) == {"new", "old"}
    clock.now += timedelta(days=32)
    tally.count("newest")
    await service.store()
    async with database.read() as sql:
        assert (await sql.execute(select(func.count()).select_from(error_counts))).scalar_one() == 1


async def test_what_cannot_be_stored_is_told_all_the_same(database: Database, tally: ErrorTally, clock: Clock) -> None:
    service = ErrorService(database, tally, clock)
    async with database.write() as sql:
        await sql.execute(text("ALTER TABLE error_counts RENAME TO gone"))
    tally.count("a")
    await service.store()
    async with database.write() as sql:
        await sql.execute(text("ALTER TABLE gone RENAME TO error_counts"))
    assert (await service.last_day())["a"].count == 1


async def test_another_process_s_errors_are_told_too(database: Database, clock: Clock) -> None:
    tallies = [ErrorTally(clock), ErrorTally(clock)]
    services = [ErrorService(database, one, clock) for one in tallies]
    for one in tallies:
        one.count("a")
    await services[0].store()
    assert (await services[1].last_day())["a"].count == 2
