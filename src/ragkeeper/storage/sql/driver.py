"""SQLite's connection with one trip to its thread for a statement and all of its rows.

aiosqlite makes four (cursor, execute, fetch, close), each with two switches between threads: for short queries these
cost more than SQLite. Rows are always fetched whole here, as SQLAlchemy asks of this driver anyway. A transaction
begins on the trip of its first statement.
"""

import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiosqlite
from sqlalchemy.engine import URL

BEGIN = "BEGIN IMMEDIATE"

_FETCHED_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class _Done:
    """What a statement left; no description and no rows where it was no query."""

    description: tuple[tuple[Any, ...], ...] | None = None
    rowcount: int = -1
    lastrowid: int | None = None
    rows: list[Any] = field(default_factory=list)


@dataclass(slots=True)
class _Begin:
    """A transaction that begins with a statement: whether it has, and after how many seconds of trying."""

    done: bool = False
    seconds: float = 0.0


Step = tuple[str, Sequence[Sequence[Any]]]
"""A statement, and the rows that it is run for."""

Took = Callable[[str, float], None]
"""Told of each statement and its seconds, the wait for the connection's thread included where it runs alone."""


class OneTripConnection(aiosqlite.Connection):
    def __init__(self, connector: Callable[[], sqlite3.Connection], took: Took | None = None) -> None:
        super().__init__(connector, _FETCHED_AT_ONCE)
        self._took: Took = took or (lambda _statement, _seconds: None)
        self._begins = False
        self._open = False
        self._thread.daemon = True  # a connection that nobody closed must not keep the process from ending

    async def _connect(self) -> Self:
        try:
            await super()._connect()
        except sqlite3.Error:
            self._thread.join()  # it is about to end, and would tell a loop that may be closed by then
            raise
        return self

    def cursor(self) -> "OneTripCursor":  # type: ignore[override] # no trip, so nothing to await
        return OneTripCursor(self)

    async def run(self, statement: str, parameters: Sequence[Any], *, many: bool) -> _Done:
        """Raises sqlite3.Error."""
        if statement == BEGIN:
            self._begins = True
            return _Done()
        begin = _Begin() if self._begins else None
        self._open = self._open or self._begins  # from here on: who is cancelled does not know how far the thread came
        self._begins = False
        work: Callable[..., Awaitable[_Done]] = self._execute
        started = time.perf_counter()
        try:
            return await work(_run, self._conn, statement, parameters, many, begin)
        except sqlite3.Error:
            # Without the lock nothing may be written, by a later statement either.
            self._begins = begin is not None and not begin.done
            self._open = self._open and not self._begins
            raise
        finally:
            self._note(statement, time.perf_counter() - started, begin)

    async def run_together(self, steps: Sequence[Step]) -> None:
        """All of the steps or none, with their BEGIN and COMMIT on one trip. Raises sqlite3.Error."""
        work: Callable[..., Awaitable[None]] = self._execute
        spent: list[tuple[str, float]] = []
        self._open = True  # see `run`
        try:
            await work(_run_together, self._conn, steps, spent)
            self._open = False
        finally:
            for statement, seconds in spent:
                self._took(statement, seconds)

    def _note(self, statement: str, seconds: float, begin: _Begin | None) -> None:
        if begin is not None:
            self._took(BEGIN, begin.seconds)
            seconds -= begin.seconds
        if begin is None or begin.done:
            self._took(statement, seconds)

    async def commit(self) -> None:
        if self._begins:  # with nothing to keep; but who asks for it learns whether anything could be kept
            await self.run("COMMIT", (), many=False)
            self._open = False
            return
        started = time.perf_counter()
        try:
            await super().commit()
            self._open = False
        finally:
            self._took("COMMIT", time.perf_counter() - started)

    async def rollback(self) -> None:
        """Without a trip where nothing can be open: the pool asks after every commit too."""
        self._begins = False
        if self._open:
            await super().rollback()
            self._open = False


class OneTripCursor:
    """The part of aiosqlite's cursor that SQLAlchemy uses."""

    arraysize = 1

    def __init__(self, connection: OneTripConnection) -> None:
        self._connection = connection
        self._done = _Done()

    @property
    def description(self) -> tuple[tuple[Any, ...], ...] | None:
        return self._done.description

    @property
    def rowcount(self) -> int:
        return self._done.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._done.lastrowid

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Self:
        self._done = await self._connection.run(statement, parameters, many=False)
        return self

    async def executemany(self, statement: str, parameters: Sequence[Any]) -> Self:
        self._done = await self._connection.run(statement, parameters, many=True)
        return self

    async def fetchall(self) -> list[Any]:
        return self._done.rows

    async def close(self) -> None:
        """The thread has closed it already."""


def connector(url: URL, took: Took | None = None) -> Callable[[], OneTripConnection]:
    """What SQLAlchemy calls, and awaits, for every new connection to a SQLite address.

    Only the first may make the file. Where it is gone later, an empty one in its place would answer as if nothing had
    ever been kept.
    """
    arguments, options = url.get_dialect()().create_connect_args(url)
    [place] = arguments  # a whole path, unless the address says something of SQLite's own
    existing = None if place == ":memory:" or "uri" in options else f"{Path(place).as_uri()}?mode=rw"
    opened = False

    def connect() -> sqlite3.Connection:
        nonlocal opened
        if opened and existing:
            return _connected(existing, uri=True, **options)
        found = _connected(place, **options)
        opened = True
        return found

    return lambda: OneTripConnection(connect, took)


def is_closed(error: ValueError) -> bool:
    """Whether it is what aiosqlite says of a connection that was closed."""
    return str(error) in {"no active connection", "Connection closed"}


_connected: Callable[..., sqlite3.Connection] = sqlite3.connect


def _run(
    connection: sqlite3.Connection, statement: str, parameters: Sequence[Any], many: bool, begin: _Begin | None
) -> _Done:
    cursor = connection.cursor()
    try:
        if begin is not None:
            _begin(cursor, begin)
        if many:
            cursor.executemany(statement, parameters)
        else:
            cursor.execute(statement, parameters)
        rows = cursor.fetchall() if cursor.description else []
        return _Done(cursor.description, cursor.rowcount, cursor.lastrowid, rows)
    finally:
        cursor.close()


def _begin(cursor: sqlite3.Cursor, begin: _Begin) -> None:
    started = time.perf_counter()
    try:
        cursor.execute(BEGIN)
        begin.done = True
    finally:
        begin.seconds = time.perf_counter() - started


def _run_together(connection: sqlite3.Connection, steps: Sequence[Step], spent: list[tuple[str, float]]) -> None:
    cursor = connection.cursor()
    try:
        _timed(spent, cursor.execute, BEGIN)
        for statement, rows in steps:
            _timed(spent, cursor.executemany, statement, rows)
        _timed(spent, cursor.execute, "COMMIT")
    finally:
        cursor.close()
        if connection.in_transaction:
            connection.rollback()


def _timed(spent: list[tuple[str, float]], work: Callable[..., object], statement: str, *rows: object) -> None:
    started = time.perf_counter()
    try:
        work(statement, *rows)
    finally:
        spent.append((statement, time.perf_counter() - started))
