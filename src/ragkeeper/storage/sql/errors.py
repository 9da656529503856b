"""How the database fails."""

from ragkeeper.core.errors import RagkeeperError


class DatabaseUnsupported(RagkeeperError):
    """DATABASE_URL names {backend}, which this version cannot use yet."""

    code = "database_unsupported"
    status = 500
    fix = "Use sqlite+aiosqlite:///PATH, or leave DATABASE_URL unset."


class DatabaseUnreadable(RagkeeperError):
    """The database cannot be read: {reason}."""

    code = "database_unreadable"
    status = 503
    fix = "Stop the server and look at the disk; if the file is damaged, restore a copy of the data folder."


class DatabaseDamaged(RagkeeperError):
    """The database {path} is damaged: {reason}. The server does not start on it: every change would damage more."""

    code = "database_damaged"
    status = 503
    fix = "Put a copy of the data folder back; to save what can be saved: `sqlite3 {path} .recover | sqlite3 new.db`."


class SchemaOutOfDate(RagkeeperError):
    """The database is at schema {found}, and this program needs {needed}."""

    code = "schema_out_of_date"
    status = 503
    fix = "Run `ragkeeper db upgrade` (make a copy of the data folder first)."


class SchemaUnknown(RagkeeperError):
    """The database is at schema {found}, which this program does not know."""

    code = "schema_unknown"
    status = 503
    fix = "A newer ragkeeper has written this database: run that version, or restore a backup made by this one."


class NotWritten(RagkeeperError):
    """The database takes no changes: {reason}."""

    code = "database_not_written"
    status = 503
    fix = "Searches and answers go on. `ragkeeper degrade status` says since when; send the request again afterwards."
    retry_after = 30.0


class StorageFull(NotWritten):
    """The disk is full: {reason}."""

    code = "storage_full"
    status = 507
    fix = "Free space on the disk of the data folder; nothing was stored, so send it again afterwards."


class DatabaseReadOnly(NotWritten):
    """The database can be read but not written: {reason}."""

    code = "database_read_only"
    fix = "Look whether its file system was mounted read-only or its files changed owner; searches and answers go on."


class DatabaseFailing(NotWritten):
    """The disk of the database does not work: {reason}."""

    code = "database_disk_failing"
    fix = "The kernel's log (`dmesg`) says what the disk has; nothing was stored, so send it again afterwards."


class DatabaseBusy(NotWritten):
    """Another process holds the database: {reason}."""

    code = "database_busy"
    fix = "Find the program that has `ragkeeper.db` open, such as a copy or a database browser, and end it."
    retry_after = 5.0


# SQLite's own words, see https://www.sqlite.org/rescode.html. It opens its log anew when it writes.
_WORDS: tuple[tuple[str, type[NotWritten]], ...] = (
    ("disk is full", StorageFull),
    ("disk I/O error", DatabaseFailing),
    ("readonly database", DatabaseReadOnly),
    ("unable to open database file", DatabaseReadOnly),
    ("database is locked", DatabaseBusy),
)


# A file that is damaged or gone answers no query either.
_UNREADABLE = ("malformed", "not a database", "disk I/O error", "unable to open database file")


def unreadable(reason: str) -> DatabaseUnreadable | None:
    """What SQLite's words mean for a query; None where they are not about the file."""
    return DatabaseUnreadable(reason=reason) if any(words in reason for words in _UNREADABLE) else None


def is_full(reason: str) -> bool:
    """Whether SQLite's words mean that the disk takes no more."""
    return "disk is full" in reason


def not_written(reason: str, *, room: bool) -> NotWritten | None:
    """What SQLite's words mean for a change; None where they are not about the disk.

    room: whether the disk has any: a failure of its input or output may be that it has none.
    """
    kind = next((kind for words, kind in _WORDS if words in reason), None)
    if kind is DatabaseFailing and not room:
        kind = StorageFull
    return kind(reason=reason) if kind else None
