"""SQLite's connection with one trip to its thread for a statement and all of its rows.

aiosqlite makes four (cursor, execute, fetch, close), each with two switches between threads: for short queries these
cost more than SQLite. Rows are always fetched whole here, as SQLAlchemy asks of this driver anyway. A transaction
begins on the trip of its first statement, and one without statements not at all.
"""

import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

import aiosqlite
from sqlalchemy.engine import URL

BEGIN = "BEGIN IMMEDIATE"

_FETCHED_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class _Done:
    """What a statement left: `rows` of a query, None of anything else; `began`: the seconds to begin a transaction."""

    description: tuple[tuple[Any, ...], ...] | None = None
    rowcount: int = -1
    lastrowid: int | None = None
    rows: list[Any] = field(default_factory=list)
    began: float = 0.0


Took = Callable[[str, float], None]
"""Told of each statement and its seconds, the wait for the connection's thread included."""


class OneTripConnection(aiosqlite.Connection):
    def __init__(self, connector: Callable[[], sqlite3.Connection], took: Took | None = None) -> None:
        super().__init__(connector, _FETCHED_AT_ONCE)
        self._took: Took = took or (lambda _statement, _seconds: None)
        self._begin = False
        self._thread.daemon = True  # a connection that nobody closed must not keep the process from ending

    def cursor(self) -> "OneTripCursor":  # type: ignore[override] # no trip, so nothing to await
        return OneTripCursor(self)

    async def run(self, statement: str, parameters: Sequence[Any], *, many: bool) -> _Done:
        """Raises sqlite3.Error."""
        if statement == BEGIN:
            self._begin = True
            return _Done()
        self._begin, begin = False, self._begin
        work: Callable[..., Awaitable[_Done]] = self._execute
        started, began = time.perf_counter(), 0.0
        try:
            done = await work(_run, self._conn, statement, parameters, many, begin)
            began = done.began
            return done
        finally:
            self._took(statement, time.perf_counter() - started - began)
            if began:
                self._took(BEGIN, began)

    async def commit(self) -> None:
        started = time.perf_counter()
        try:
            if not self._let_begin():
                await super().commit()
        finally:
            self._took("COMMIT", time.perf_counter() - started)

    async def rollback(self) -> None:
        if not self._let_begin():
            await super().rollback()

    def _let_begin(self) -> bool:
        """Whether a transaction was about to begin; it does not any more."""
        self._begin, begin = False, self._begin
        return begin


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
    """What SQLAlchemy calls, and awaits, for every new connection to a SQLite address."""
    arguments, options = url.get_dialect()().create_connect_args(url)
    return lambda: OneTripConnection(partial(sqlite3.connect, *arguments, **options), took)


def _run(connection: sqlite3.Connection, statement: str, parameters: Sequence[Any], many: bool, begin: bool) -> _Done:
    cursor = connection.cursor()
    started = time.perf_counter()
    try:
        if begin:
            cursor.execute(BEGIN)
        began = time.perf_counter() - started if begin else 0.0
        if many:
            cursor.executemany(statement, parameters)
        else:
            cursor.execute(statement, parameters)
        rows = cursor.fetchall() if cursor.description else []
        return _Done(cursor.description, cursor.rowcount, cursor.lastrowid, rows, began)
    finally:
        cursor.close()
