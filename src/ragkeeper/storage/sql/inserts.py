"""Rows made ready for the driver: for a short insert SQLAlchemy's own execution takes longer than SQLite.

SQLAlchemy still says how the statement reads and how each column's values are written.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect, Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.storage.sql.driver import Step

_Written = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Insert:
    """New rows of a table, each with a value for every column."""

    table: Table
    rows: Sequence[Mapping[str, object]]

    async def execute(self, sql: AsyncConnection) -> None:
        """In a transaction that is open; `Database.insert` is the shorter way for rows that need no other statement."""
        await sql.execute(insert(self.table), list(self.rows))


@dataclass(frozen=True, slots=True)
class _Prepared:
    """The statement, and for each of its places the column and how its values are written; None: as they are."""

    statement: str
    places: tuple[tuple[str, _Written | None], ...]


class Inserts:
    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: dict[Table, _Prepared] = {}

    def step(self, wanted: Insert) -> Step:
        """Raises KeyError where a row lacks a column."""
        prepared = self._known.get(wanted.table) or self._known.setdefault(wanted.table, self._prepared(wanted.table))
        return prepared.statement, [
            tuple(row[name] if written is None else written(row[name]) for name, written in prepared.places)
            for row in wanted.rows
        ]

    def _prepared(self, table: Table) -> _Prepared:
        columns = [column.name for column in table.columns]
        compiled = self._dialect.statement_compiler(self._dialect, insert(table), column_keys=columns)
        names = compiled.positiontup or ()
        types = (compiled.binds[name].type.dialect_impl(self._dialect) for name in names)
        places = zip(names, (kind.bind_processor(self._dialect) for kind in types), strict=True)
        return _Prepared(str(compiled), tuple(places))
