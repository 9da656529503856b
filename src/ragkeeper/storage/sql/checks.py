"""Whether a SQLite file is there, whole, and keeps a log of a bearable size."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ragkeeper.core.checks import Check, Finding, Kind, NotLooked, Severity
from ragkeeper.storage.sql.errors import DatabaseUnreadable
from ragkeeper.storage.sql.readonly import ReadOnly, names

_LARGEST_LOG = 1_000_000_000
_SHOWN = 5

DATABASE_MISSING = Kind(
    "database_missing",
    Severity.FAILURE,
    "The database {path} is not there, though documents of it are",
    "A start would make an empty one: documents, conversations and settings would seem gone, and nothing finds them.",
    "Put the file back from a copy of the data folder before you start; if there is none, `ragkeeper init`.",
)
DATABASE_DAMAGED = Kind(
    "database_damaged",
    Severity.FAILURE,
    "The database {path} is damaged: {reason}",
    "What is read from it may be wrong, and every change may damage more of it.",
    "Stop the server and put a copy of the data folder back; to save what can be saved: "
    "`sqlite3 {path} .recover | sqlite3 recovered.db`",
)
DATABASE_UNREADABLE = Kind(
    "database_unreadable",
    Severity.FAILURE,
    "The database {path} cannot be read: {reason}",
    "The server cannot start, or answers nothing.",
    "ls -l {path}*  # its owner must be the user that runs ragkeeper",
)
REFERENCES_BROKEN = Kind(
    "references_broken",
    Severity.FAILURE,
    "{count} rows of the database point to rows that are gone ({tables})",
    "Somebody changed the database with another program; documents may show errors.",
    "Stop the server and put a copy of the data folder back, or delete these rows by `sqlite3 {path}`.",
)
INTEGRITY_UNCHECKED = Kind(
    "integrity_unchecked",
    Severity.WARNING,
    "Whether the database {path} is whole is not known: to read its {what} takes longer than {seconds} s",
    "It may be damaged without anybody knowing: changes, upgrades and copies of it make that worse.",
    "sqlite3 -readonly {path} 'PRAGMA {pragma}'",
)
LOG_LARGE = Kind(
    "database_log_large",
    Severity.WARNING,
    "The log of the database has grown to {megabytes} MB",
    "It takes disk space, and reading gets slower: a reader that never ends keeps it from being merged.",
    "Stop and start the server: its last connection merges the log.",
)


def sqlite_checks(branch: str, file: ReadOnly, *, expected: bool) -> list[Check]:
    """expected: whether it should be there by now; one that is made later is no fault while it is missing."""
    path = file.path

    def there() -> Iterable[Finding]:
        return [] if path.is_file() or not expected else [DATABASE_MISSING.found({"path": str(path)})]

    def readable() -> Iterable[Finding]:
        return list(_unreadable(file))

    return [
        Check(branch, "present", there, quick=True),
        Check(branch, "readable", readable, quick=True),
        Check(branch, "integrity", lambda: list(_damage(file))),
        Check(branch, "references", lambda: list(_dangling(file))),
        Check(branch, "log size", lambda: list(_large_log(path)), quick=True),
    ]


def _unreadable(file: ReadOnly) -> Iterator[Finding]:
    """Reads the schema and no data: whether it is a database at all."""
    _require(file)
    try:
        file.ask("SELECT count(*) FROM sqlite_master")
    except DatabaseUnreadable as error:
        yield _broken(file, _reason(error))


def _damage(file: ReadOnly) -> Iterator[Finding]:
    if list(_unreadable(file)):
        raise NotLooked(reason="it cannot be read, as is told above")
    try:
        found = names(file.ask("PRAGMA quick_check(10)"))
    except DatabaseUnreadable as error:
        yield _unchecked(file, "pages", "quick_check") if _interrupted(error) else _broken(file, _reason(error))
        return
    if found != ["ok"]:
        yield DATABASE_DAMAGED.found({"path": str(file.path), "reason": found[0], "places": found[:_SHOWN]})


def _broken(file: ReadOnly, reason: str) -> Finding:
    damaged = any(word in reason for word in ("malformed", "not a database", "corrupt"))
    return (DATABASE_DAMAGED if damaged else DATABASE_UNREADABLE).found({"path": str(file.path), "reason": reason})


def _interrupted(error: DatabaseUnreadable) -> bool:
    return "interrupted" in _reason(error)


def _reason(error: DatabaseUnreadable) -> str:
    return str(error.fields["reason"])


def _unchecked(file: ReadOnly, what: str, pragma: str) -> Finding:
    evidence = {"path": str(file.path), "what": what, "seconds": round(file.seconds)}
    return INTEGRITY_UNCHECKED.found(evidence, pragma=pragma)


def _dangling(file: ReadOnly) -> Iterator[Finding]:
    _require(file)
    try:
        rows = file.ask("PRAGMA foreign_key_check")
    except DatabaseUnreadable as error:
        if not _interrupted(error):
            raise NotLooked(reason=error.message) from error
        yield _unchecked(file, "references", "foreign_key_check")
        return
    if rows:
        tables = sorted({str(row[0]) for row in rows})
        evidence = {"count": len(rows), "tables": ", ".join(tables), "path": str(file.path)}
        yield REFERENCES_BROKEN.found(evidence)


def _large_log(path: Path) -> Iterator[Finding]:
    log = path.with_name(path.name + "-wal")
    size = log.stat().st_size if log.is_file() else 0
    if size > _LARGEST_LOG:
        yield LOG_LARGE.found({"megabytes": size // 1_000_000, "path": str(log)})


def _require(file: ReadOnly) -> None:
    if not file.path.is_file():
        raise NotLooked(reason=f"{file.path} is not there")
