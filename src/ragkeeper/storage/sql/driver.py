"""SQLite's connection with one trip to its thread for a statement and all of its rows.

aiosqlite makes four (cursor, execute, fetch, close), each with two switches between threads: for short queries these
cost more than SQLite. Rows are always fetched whole here, as SQLAlchemy asks of this driver anyway.
"""

import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import aiosqlite
from sqlalchemy.engine import URL

_FETCHED_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class _Done:
    """What a statement left: `rows` of a query, None of anything else."""

    description: tuple[tuple[Any, ...], ...] | None
    rowcount: int
    lastrowid: int | None
    rows: list[Any]


Took = Callable[[str, float], None]
"""Told of each statement and its seconds, the wait for the connection's thread included."""


class OneTripConnection(aiosqlite.Connection):
    def __init__(self, connector: Callable[[], sqlite3.Connection], took: Took | None = None) -> None:
        super().__init__(connector, _FETCHED_AT_ONCE)
        self._took = took
        self._thread.daemon = True  # a connection that nobody closed must not keep the process from ending

    def cursor(self) -> "OneTripCursor":  # type: ignore[override] # no trip, so nothing to await
        return OneTripCursor(self)

    async def run(self, statement: str, parameters: Sequence[Any], *, many: bool) -> _Done:
        """Raises sqlite3.Error."""
        work: Callable[..., Awaitable[_Done]] = self._execute
        began = time.perf_counter()
        try:
            return await work(_run, self._conn, statement, parameters, many)
        finally:
            if self._took is not None:
                self._took(statement, time.perf_counter() - began)

    async def commit(self) -> None:
        began = time.perf_counter()
        try:
            await super().commit()
        finally:
            if self._took is not None:
                self._took("COMMIT", time.perf_counter() - began)


class OneTripCursor:
    """The part of aiosqlite's cursor that SQLAlchemy uses."""

    arraysize = 1

    def __init__(self, connection: OneTripConnection) -> None:
        self._connection = connection
        self._done = _Done(None, -1, None, [])

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


def _run(connection: sqlite3.Connection, statement: str, parameters: Sequence[Any], many: bool) -> _Done:
    cursor = connection.cursor()
    try:
        if many:
            cursor.executemany(statement, parameters)
        else:
            cursor.execute(statement, parameters)
        rows = cursor.fetchall() if cursor.description else []
        return _Done(cursor.description, cursor.rowcount, cursor.lastrowid, rows)
    finally:
        cursor.close()
