"""Statements made ready for the driver: for a short one SQLAlchemy's own execution takes longer than SQLite.

SQLAlchemy still says how each reads, how its values are written, and how those of a row are read. For what is asked or
kept with every request; for all else its own execution is as good.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from pydantic_core import from_json
from sqlalchemy import Connection, Select, Table, insert
from sqlalchemy import Insert as SqlInsert
from sqlalchemy.dialects.sqlite.aiosqlite import dialect
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler

from ragkeeper.storage.sql.driver import Step, is_closed

# Reads JSON as the engines of `Database` do.
_DIALECT = dialect(json_deserializer=from_json)

_Convert = Callable[[Any], Any]


class Query:
    """A SELECT of columns, none of them text(), made once. Its rows are tuples with a value for each."""

    def __init__(self, select: Select[Any]) -> None:
        self.select = select

    async def rows(self, sql: AsyncConnection, **values: object) -> list[tuple[Any, ...]]:
        """All of them. values: of the parameters, by name. Raises sqlalchemy.exc.DBAPIError."""
        state = self._compiled.construct_expanded_state(values)
        given = dict(state.parameters)
        for name, write in (*self._bind_processors, *state.processors.items()):
            given[name] = write(given[name])
        driver: Any = _open(sql).connection.driver_connection
        try:
            done = await driver.run(state.statement, [given[name] for name in state.positiontup or ()], many=False)
        except asyncio.CancelledError:  # its thread is still at work: nobody shall wait behind that
            await sql.invalidate()
            raise
        except sqlite3.Error as error:
            raise _told(state.statement, error) from error
        except ValueError as error:
            if not is_closed(error):
                raise
            await sql.invalidate()  # the next caller gets another
            raise _told(state.statement, sqlite3.OperationalError(str(error))) from error
        found: list[tuple[Any, ...]] = done.rows
        return [self._read(row) for row in found] if self._result_processors else found

    def beside(self, other: "Query") -> "Query":
        """The same, with the columns of another that finds one row of single values."""
        return _beside(self, other)

    @cached_property
    def width(self) -> int:
        return len(self.select.selected_columns)

    @cached_property
    def _compiled(self) -> SQLCompiler:
        return _compiled(self.select)

    @cached_property
    def _bind_processors(self) -> list[tuple[str, _Convert]]:
        """Parameters whose values SQLite does not take as they are; for those of a list SQLAlchemy tells each time."""
        types = {name: bind.type for bind, name in self._compiled.bind_names.items() if not bind.expanding}
        found = ((name, kind.dialect_impl(_DIALECT).bind_processor(_DIALECT)) for name, kind in types.items())
        return [(name, convert) for name, convert in found if convert is not None]

    @cached_property
    def _result_processors(self) -> list[tuple[int, _Convert]]:
        """Places in a row whose values are not what SQLite says."""
        types = (column.type.dialect_impl(_DIALECT) for column in self.select.selected_columns)
        found = enumerate(kind.result_processor(_DIALECT, None) for kind in types)
        return [(place, convert) for place, convert in found if convert is not None]

    def _read(self, row: Sequence[Any]) -> tuple[Any, ...]:
        values = list(row)
        for place, convert in self._result_processors:
            values[place] = convert(values[place])
        return tuple(values)


def _open(sql: AsyncConnection) -> Connection:
    """Without the switch to another stack that AsyncConnection makes for this: the connection is there."""
    if sql.sync_connection is None:
        raise InvalidRequestError("the connection was not opened")
    return sql.sync_connection


def _told(statement: str, error: sqlite3.Error) -> Exception:
    """As SQLAlchemy's own execution tells it; without the values, which are texts of documents."""
    return DBAPIError.instance(statement, None, error, sqlite3.Error, hide_parameters=True)


@cache
def _beside(query: Query, other: Query) -> Query:
    return Query(query.select.add_columns(*other.select.selected_columns))


@dataclass(frozen=True, slots=True)
class Insert:
    """New rows of a table, each with a value for every column."""

    table: Table
    rows: Sequence[Mapping[str, object]]

    async def execute(self, sql: AsyncConnection) -> None:
        """In a transaction that is open; `Database.insert` is the shorter way for rows that need no other statement."""
        await sql.execute(insert(self.table), list(self.rows))

    def step(self) -> Step:
        """Raises KeyError where a row lacks a column."""
        statement, places = _prepared(self.table)
        return statement, [
            tuple(row[name] if write is None else write(row[name]) for name, write in places) for row in self.rows
        ]


@cache
def _prepared(table: Table) -> tuple[str, Sequence[tuple[str, _Convert | None]]]:
    """The statement, and for each of its places the column and how its values are written; None: as they are."""
    compiled = _compiled(insert(table), column_keys=[column.name for column in table.columns])
    names = compiled.positiontup or ()
    types = (compiled.binds[name].type.dialect_impl(_DIALECT) for name in names)
    return str(compiled), list(zip(names, (kind.bind_processor(_DIALECT) for kind in types), strict=True))


def _compiled(statement: Select[Any] | SqlInsert, **options: Any) -> SQLCompiler:
    return statement.compile(dialect=_DIALECT, **options)
