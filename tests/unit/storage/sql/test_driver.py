import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ragkeeper.storage.sql.driver import BEGIN, OneTripConnection


class Counted(OneTripConnection):
    """Counts the trips to its thread, and remembers what it was told of statements."""

    def __init__(self, path: Path) -> None:
        self.trips = 0
        self.told: list[tuple[str, float]] = []
        super().__init__(lambda: _opened(path), lambda statement, seconds: self.told.append((statement, seconds)))

    async def _execute(self, fn: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        self.trips += 1
        return await super()._execute(fn, *arguments, **named)  # type: ignore[no-untyped-call]


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with closing(_opened(tmp_path / "some.db")) as connection:
        connection.execute("CREATE TABLE words (word TEXT)")
    return tmp_path / "some.db"


@pytest.fixture
async def connection(path: Path) -> AsyncIterator[Counted]:
    found = await Counted(path)
    assert isinstance(found, Counted)
    found.told.clear()
    yield found
    await found.close()


async def occupied(connection: Counted) -> tuple[threading.Event, asyncio.Task[Any]]:
    """Its thread is busy until the event is set; the task ends with that."""
    entered, leave = threading.Event(), threading.Event()
    blocked = asyncio.create_task(connection._execute(lambda: (entered.set(), leave.wait(30))))
    assert await asyncio.to_thread(entered.wait, 30)
    return leave, blocked


def words(path: Path) -> list[str]:
    with closing(_opened(path)) as other:
        return [word for (word,) in other.execute("SELECT word FROM words")]


async def test_a_statement_and_its_rows_are_one_trip(connection: Counted) -> None:
    done = await connection.run("SELECT 1 AS one UNION SELECT 2", (), many=False)
    assert (done.rows, done.description and done.description[0][0]) == ([(1,), (2,)], "one")
    assert connection.trips == 1


async def test_a_transaction_begins_on_the_trip_of_its_first_statement(connection: Counted, path: Path) -> None:
    await connection.run(BEGIN, (), many=False)
    assert connection.trips == 0
    await connection.run("INSERT INTO words VALUES (?)", ["one"], many=False)
    await connection.run("INSERT INTO words VALUES (?)", [["two"], ["three"]], many=True)
    assert words(path) == []
    await connection.commit()
    assert words(path) == ["one", "two", "three"]
    assert connection.trips == 3
    assert [statement.split()[0] for statement, _ in connection.told] == ["BEGIN", "INSERT", "INSERT", "COMMIT"]


async def test_a_transaction_that_is_undone_leaves_nothing(connection: Counted, path: Path) -> None:
    await connection.run(BEGIN, (), many=False)
    await connection.run("INSERT INTO words VALUES ('one')", (), many=False)
    await connection.rollback()
    assert words(path) == []


async def test_a_transaction_that_never_began_is_undone_without_a_trip(connection: Counted, path: Path) -> None:
    await connection.run(BEGIN, (), many=False)
    await connection.rollback()
    assert connection.trips == 0
    await connection.run("INSERT INTO words VALUES ('one')", (), many=False)
    assert words(path) == ["one"]  # in no transaction


async def test_who_commits_nothing_learns_whether_anything_could_be_written(connection: Counted, path: Path) -> None:
    with closing(_opened(path)) as other:
        other.execute(BEGIN)
        await connection.run(BEGIN, (), many=False)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await connection.commit()
        await connection.rollback()
    await connection.run(BEGIN, (), many=False)
    await connection.commit()
    assert connection.trips == 2


async def test_who_cannot_begin_is_told_at_each_statement_and_writes_nothing(connection: Counted, path: Path) -> None:
    with closing(_opened(path)) as other:
        other.execute(BEGIN)
        await connection.run(BEGIN, (), many=False)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await connection.run("INSERT INTO words VALUES ('one')", (), many=False)
    await connection.run("INSERT INTO words VALUES ('two')", (), many=False)
    assert words(path) == []
    await connection.commit()
    assert words(path) == ["two"]


async def test_waiting_for_the_lock_is_told_apart_from_the_statement(connection: Counted, path: Path) -> None:
    await connection.run("PRAGMA busy_timeout = 200", (), many=False)
    connection.told.clear()
    with closing(_opened(path)) as other:
        other.execute(BEGIN)
        await connection.run(BEGIN, (), many=False)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await connection.run("INSERT INTO words VALUES ('one')", (), many=False)
    assert [statement for statement, _ in connection.told] == [BEGIN]
    assert connection.told[0][1] >= 0.2
    connection.told.clear()
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await connection.run("INSERT INTO elsewhere VALUES ('one')", (), many=False)
    assert [statement.split()[0] for statement, _ in connection.told] == ["BEGIN", "INSERT"]
    assert all(0 <= seconds < 0.2 for _, seconds in connection.told)


async def test_what_is_committed_is_not_undone_by_a_trip_of_its_own(connection: Counted, path: Path) -> None:
    for _ in range(2):
        await connection.run(BEGIN, (), many=False)
        await connection.run("INSERT INTO words VALUES ('one')", (), many=False)
        await connection.commit()
        await connection.rollback()
    await connection.run(BEGIN, (), many=False)
    await connection.commit()
    await connection.rollback()
    assert words(path) == ["one", "one"]
    assert connection.trips == 5


async def test_who_gives_up_waiting_leaves_no_transaction_open(connection: Counted, path: Path) -> None:
    leave, blocked = await occupied(connection)
    await connection.run(BEGIN, (), many=False)
    inserting = asyncio.create_task(connection.run("INSERT INTO words VALUES ('one')", (), many=False))
    await asyncio.sleep(0)
    inserting.cancel()
    await asyncio.gather(inserting, return_exceptions=True)
    leave.set()
    await connection.rollback()
    await blocked
    assert words(path) == []
    with closing(_opened(path)) as other:
        other.execute(BEGIN)  # nobody holds the lock


async def test_steps_together_are_one_trip_and_each_is_told(connection: Counted, path: Path) -> None:
    await connection.run_together([("INSERT INTO words VALUES (?)", [("one",), ("two",)]), ("DELETE FROM words", [()])])
    await connection.run_together([("INSERT INTO words VALUES (?)", [("three",)])])
    assert connection.trips == 2
    assert words(path) == ["three"]
    told = [statement.split()[0] for statement, _ in connection.told]
    assert told == ["BEGIN", "INSERT", "DELETE", "COMMIT", "BEGIN", "INSERT", "COMMIT"]
    await connection.rollback()
    assert (connection.trips, words(path)) == (2, ["three"])


async def test_of_steps_together_none_is_kept_when_one_fails(connection: Counted, path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await connection.run_together(
            [("INSERT INTO words VALUES (?)", [("one",)]), ("INSERT INTO elsewhere VALUES (?)", [("two",)])]
        )
    with closing(_opened(path)) as other:
        other.execute(BEGIN)  # nobody holds the lock
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await connection.run_together([("INSERT INTO words VALUES (?)", [("three",)])])
    await connection.run_together([("INSERT INTO words VALUES (?)", [("four",)])])
    assert words(path) == ["four"]
    told = [statement.split()[0] for statement, _ in connection.told]
    assert told == ["BEGIN", "INSERT", "INSERT", "BEGIN", "BEGIN", "INSERT", "COMMIT"]


async def test_steps_that_are_on_their_way_are_kept_together_though_nobody_waits_for_them(
    connection: Counted, path: Path
) -> None:
    leave, blocked = await occupied(connection)
    steps = [("INSERT INTO words VALUES (?)", [("one",)]), ("INSERT INTO words VALUES (?)", [("two",)])]
    inserting = asyncio.create_task(connection.run_together(steps))
    await asyncio.sleep(0)
    inserting.cancel()
    await asyncio.gather(inserting, return_exceptions=True)
    leave.set()
    await connection.rollback()
    await blocked
    assert inserting.cancelled()
    assert words(path) == ["one", "two"]
    with closing(_opened(path)) as other:
        other.execute(BEGIN)  # nobody holds the lock
