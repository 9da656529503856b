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


class StorageFull(RagkeeperError):
    """The disk is full: {reason}."""

    code = "storage_full"
    status = 507
    fix = "Free space on the disk of the data folder; nothing was stored, so send it again afterwards."


def is_full(reason: str) -> bool:
    """Whether SQLite's words mean that the disk takes no more."""
    return "disk is full" in reason or "disk I/O error" in reason
