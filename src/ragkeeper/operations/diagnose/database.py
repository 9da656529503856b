"""Which indexes lack and which are too many, as SQLite tells it; nothing is written for that."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.operations.diagnose.models import Database, Plan, SlowStatement, Table

Ask = Callable[..., list[tuple[Any, ...]]]
"""A query and its values in, rows out. Raises RagkeeperError."""

_LIST = re.compile(r"\(\?, …\)")
_MOST_PLANS = 10


def look(ask: Ask, statements: Sequence[SlowStatement]) -> Database:
    try:
        names = [str(row[0]) for row in ask("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        tables = [_table(ask, name) for name in names if not name.startswith("sqlite_")]
    except RagkeeperError as error:
        return Database(problem=error.message)
    plans = [plan for one in statements[:_MOST_PLANS] if (plan := _plan(ask, one)) is not None]
    return Database(tables, plans)


def _table(ask: Ask, name: str) -> Table:
    """Rows by the highest number where there is one: counting them would read the whole table."""
    rows = ask(f'SELECT max(rowid) FROM "{name}"')  # noqa: S608 - a name that the database gave
    references: dict[int, list[str]] = {}
    for number, _, _, column, *_ in ask(f'PRAGMA foreign_key_list("{name}")'):
        references.setdefault(number, []).append(column)
    return Table(name, int(rows[0][0] or 0), _indexes(ask, name), list(references.values()))


def _indexes(ask: Ask, name: str) -> dict[str, list[str]]:
    """Those of all rows, and the key that the table is sorted by."""
    found = {}
    for _, index, _, _, partial, *_ in ask(f'PRAGMA index_list("{name}")'):
        if not partial:
            found[str(index)] = [str(row[2]) for row in ask(f'PRAGMA index_info("{index}")')]
    keys = [row for row in ask(f'PRAGMA table_info("{name}")') if row[5]]
    if len(keys) == 1 and str(keys[0][2]).upper() == "INTEGER":
        found["sqlite_autoindex_rowid"] = [str(keys[0][1])]
    return found


def _plan(ask: Ask, statement: SlowStatement) -> Plan | None:
    """None for what has no plan, such as the beginning of a transaction, or was cut."""
    text = _LIST.sub("(?)", statement.text)
    try:
        rows = ask(f"EXPLAIN QUERY PLAN {text}", *[None] * text.count("?"))
    except RagkeeperError:
        return None
    return Plan(statement.text, [str(row[3]) for row in rows])
