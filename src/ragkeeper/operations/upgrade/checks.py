"""Whether program and database fit each other."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ragkeeper.core.checks import Check, Finding, Kind, Severity
from ragkeeper.core.room import free_bytes
from ragkeeper.storage.sql.readonly import ReadOnly, names

SCHEMA_OLD = Kind(
    "schema_out_of_date",
    Severity.FAILURE,
    "The database is at schema {found}, and this program needs {needed}",
    "The server does not start on it.",
    "ragkeeper db upgrade",
)
SCHEMA_NEWER = Kind(
    "schema_unknown",
    Severity.FAILURE,
    "The database is at schema {found}, which this program does not know",
    "A newer ragkeeper has written it: this one does not start on it, and must not.",
    "pip install --upgrade ragkeeper",
)
TABLES_MISSING = Kind(
    "tables_missing",
    Severity.FAILURE,
    "The database lacks tables that its schema {found} has: {tables}",
    "Whatever needs them fails.",
    "Stop the server and put a copy of the data folder back.",
)


ROOM_LOW = Kind(
    "upgrade_room_low",
    Severity.FAILURE,
    "An upgrade may need {needed_mb} MB beside {path}, and {free_mb} MB are free",
    "It would break off when the disk is full; nothing would be changed, and the server would not start.",
    "du -xh --max-depth=2 {folder} | sort -h | tail -20",
)
_TIMES = 2


def room_checks(database: Path | None) -> list[Check]:
    """Tables may be written anew, and the log holds them once more before they are merged."""

    def look() -> Iterator[Finding]:
        if database is None:
            return
        needed, free = _TIMES * database.stat().st_size, free_bytes(database.parent)
        if free is not None and free < needed:
            evidence = {"path": str(database), "folder": str(database.parent)}
            yield ROOM_LOW.found(evidence, needed_mb=needed // 1_000_000, free_mb=free // 1_000_000)

    return [Check("database", "room", lambda: list(look()), quick=True)]


def upgrade_checks(database: ReadOnly, revisions: Sequence[str], tables: Sequence[str]) -> list[Check]:
    """revisions: those this program knows, oldest first; tables: those it works with."""

    def look() -> Iterator[Finding]:
        found = names(database.rows("SELECT version_num FROM alembic_version"))
        revision = found[0] if found else "none"
        evidence = {"found": revision, "needed": revisions[-1]}
        if revision not in {*revisions, "none"}:
            yield SCHEMA_NEWER.found(evidence)
        elif revision != revisions[-1]:
            yield SCHEMA_OLD.found(evidence)
        else:
            there = set(names(database.rows("SELECT name FROM sqlite_master WHERE type = 'table'")))
            if missing := sorted(set(tables) - there):
                yield TABLES_MISSING.found({**evidence, "tables": ", ".join(missing)})

    return [Check("database", "schema", lambda: list(look()), quick=True)]
