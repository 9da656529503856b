import asyncio
import os
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, select, text
from sqlalchemy.exc import OperationalError

from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.errors import DatabaseReadOnly, DatabaseUnreadable, NotWritten, StorageFull
from ragkeeper.storage.sql.prepared import Insert


async def made(folder: Path) -> Database:
    database = Database(f"sqlite+aiosqlite:///{folder / 'x.db'}")
    async with database.write() as sql:
        await sql.execute(text("CREATE TABLE n (x INTEGER)"))
    return database


async def test_a_block_that_raises_writes_nothing(tmp_path: Path) -> None:
    database = await made(tmp_path)

    async def fail() -> None:
        async with database.write() as sql:
            await sql.execute(text("INSERT INTO n VALUES (1)"))
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await fail()
    async with database.read() as sql:
        assert (await sql.execute(text("SELECT count(*) FROM n"))).scalar_one() == 0
    await database.close()


async def test_writers_wait_for_each_other_and_readers_for_nobody(tmp_path: Path) -> None:
    database = await made(tmp_path)

    async def add() -> None:
        async with database.write() as sql:
            [count] = (await sql.execute(text("SELECT count(*) FROM n"))).one()
            await asyncio.sleep(0)
            await sql.execute(text("INSERT INTO n VALUES (:x)"), {"x": count})

    async with database.write() as sql:
        await sql.execute(text("INSERT INTO n VALUES (0)"))
        async with database.read() as other:
            assert (await other.execute(text("SELECT count(*) FROM n"))).scalar_one() == 0
    await asyncio.gather(*(add() for _ in range(20)))
    async with database.read() as sql:
        assert (await sql.execute(text("SELECT count(DISTINCT x) FROM n"))).scalar_one() == 21
    await database.close()


async def test_a_committed_write_is_synced_before_it_is_acknowledged(tmp_path: Path) -> None:
    database = await made(tmp_path)
    async with database.read() as sql:
        assert (await sql.execute(text("PRAGMA synchronous"))).scalar_one() == 2
        assert (await sql.execute(text("PRAGMA journal_mode"))).scalar_one() == "wal"
        assert (await sql.execute(text("PRAGMA foreign_keys"))).scalar_one() == 1
    await database.close()


async def test_a_full_disk_is_told_and_keeps_nothing(tmp_path: Path) -> None:
    database = await made(tmp_path)

    async def fill() -> None:
        async with database.write() as sql:
            await sql.execute(text("PRAGMA max_page_count=4"))
            for _ in range(100):
                await sql.execute(text("INSERT INTO n VALUES (zeroblob(4000))"))

    with pytest.raises(StorageFull):
        await fill()
    assert isinstance(database.trouble, StorageFull)
    async with database.read() as sql:
        assert (await sql.execute(text("SELECT count(*) FROM n"))).scalar_one() == 0
    async with database.write() as sql:
        await sql.execute(text("DELETE FROM n"))
    assert database.trouble is None
    await database.close()


async def test_a_database_that_takes_no_changes_is_told_apart(tmp_path: Path) -> None:
    database = await made(tmp_path)

    async def change() -> None:
        async with database.write() as sql:
            await sql.execute(text("PRAGMA query_only=1"))
            await sql.execute(text("INSERT INTO n VALUES (1)"))

    with pytest.raises(DatabaseReadOnly):
        await change()
    assert isinstance(database.trouble, DatabaseReadOnly)
    await database.close()


async def test_who_waits_for_a_change_that_fails_does_not_try_the_same_again(tmp_path: Path) -> None:
    """Each would wait ten seconds for a database that somebody else holds, one after the other."""
    database = await made(tmp_path)
    entered: list[str] = []

    async def change(name: str) -> None:
        async with database.write() as sql:
            entered.append(name)
            await sql.execute(text("PRAGMA query_only=1"))
            await asyncio.sleep(0)
            await sql.execute(text("INSERT INTO n VALUES (1)"))

    found = await asyncio.gather(*(change(name) for name in "abc"), return_exceptions=True)
    assert [type(one) for one in found] == [DatabaseReadOnly] * 3
    assert entered == ["a"]
    await database.close()  # its next connection may write
    async with database.write() as sql:
        await sql.execute(text("INSERT INTO n VALUES (2)"))
    assert database.trouble is None
    await database.close()


NUMBERS = Table("n", MetaData(), Column("x", Integer))


def numbers(*wanted: int) -> Insert:
    return Insert(NUMBERS, [{"x": number} for number in wanted])


async def kept(database: Database) -> list[int]:
    async with database.read() as sql:
        return list((await sql.execute(select(NUMBERS.c.x).order_by(NUMBERS.c.x))).scalars())


async def test_inserts_are_kept_together_or_not_at_all(tmp_path: Path) -> None:
    database = await made(tmp_path)
    async with database.write() as sql:
        await sql.execute(text("CREATE UNIQUE INDEX once ON n (x)"))
    await database.insert(numbers(1, 2), numbers(3))
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        await database.insert(numbers(4), numbers(5, 1))
    assert await kept(database) == [1, 2, 3]
    await asyncio.gather(*(database.insert(numbers(number)) for number in range(10, 30)))
    assert await kept(database) == [1, 2, 3, *range(10, 30)]
    await database.close()


async def test_a_connection_that_was_closed_is_not_used_again_for_inserts(tmp_path: Path) -> None:
    database = await made(tmp_path)
    async with database._engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    await driver.close()
    with pytest.raises(ValueError, match="no active connection"):
        await database.insert(numbers(1))
    await database.insert(numbers(2))
    assert await kept(database) == [2]
    await database.close()


async def test_inserts_that_the_disk_does_not_take_are_told_as_other_changes_are(tmp_path: Path) -> None:
    database = await made(tmp_path)
    async with database.write() as sql:
        await sql.execute(text("PRAGMA query_only=1"))
    found = await asyncio.gather(*(database.insert(numbers(number)) for number in range(3)), return_exceptions=True)
    assert [type(one) for one in found] == [DatabaseReadOnly] * 3
    assert isinstance(database.trouble, DatabaseReadOnly)
    await database.close()  # its next connection may write
    await database.insert(numbers(7))
    assert database.trouble is None
    assert await kept(database) == [7]
    await database.close()


async def test_inserts_into_a_file_that_is_no_database_are_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"These are no pages of a database. " * 400)
    broken = Database(f"sqlite:///{tmp_path / 'broken.db'}")
    with pytest.raises(DatabaseUnreadable, match="not a database"):
        await broken.insert(numbers(1))
    await broken.close()


async def test_a_file_that_is_no_database_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "broken.db"
    path.write_bytes(b"These are no pages of a database. " * 400)
    broken = Database(f"sqlite:///{path}")
    try:
        with pytest.raises(DatabaseUnreadable, match="not a database"):
            async with broken.read() as sql:
                await sql.execute(text("SELECT 1 FROM documents"))
        with pytest.raises(DatabaseUnreadable, match="not a database"):
            async with broken.write() as sql:
                await sql.execute(text("SELECT 1 FROM documents"))
    finally:
        await broken.close()


@pytest.mark.parametrize(("name", "options"), [("x.db", ""), ("100% of #1.db", ""), ("x.db", "?timeout=1")])
async def test_a_file_that_went_away_is_not_made_anew(tmp_path: Path, name: str, options: str) -> None:
    database = Database(f"sqlite:///{tmp_path / name}{options}")
    async with database.write() as sql:
        await sql.execute(text("CREATE TABLE n (x INTEGER)"))
    await database.close()  # each connection from here on is a new one
    await database.insert(numbers(1))
    assert await kept(database) == [1]
    await database.close()
    (tmp_path / name).unlink()
    with pytest.raises(DatabaseUnreadable, match="unable to open"):
        await kept(database)
    with pytest.raises(NotWritten, match="unable to open"):
        await database.insert(numbers(2))
    await database.close()
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - no Path in a coroutine


async def test_what_a_query_gets_wrong_is_no_fault_of_the_file(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'ragkeeper.db'}")
    try:
        with pytest.raises(OperationalError, match="no such table"):
            async with database.read() as sql:
                await sql.execute(text("SELECT 1 FROM lacking"))
    finally:
        await database.close()
