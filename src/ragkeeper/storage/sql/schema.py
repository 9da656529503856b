"""Where a database's schema is, against where this program needs it. Bringing it there is `migrate`'s work."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.errors import SchemaOutOfDate, SchemaUnknown

MIGRATIONS = Path(__file__).parent.parent / "migrations"


async def current_revision(database: Database) -> str | None:
    """The revision the database is at, None when empty. Raises SchemaUnknown when this program has no such one."""
    found: str | None = await database.run(_current)
    if found is not None and found not in revisions():
        raise SchemaUnknown(found=found)
    return found


async def require_current(database: Database) -> None:
    """Raises SchemaOutOfDate unless the database is at this program's head."""
    found = await current_revision(database)
    if found != head_revision():
        raise SchemaOutOfDate(found=found or "none", needed=head_revision())


def head_revision() -> str:
    return revisions()[-1]


def revisions() -> list[str]:
    """Every revision of this program, oldest first: they are numbered, and their files begin with the number."""
    return sorted(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found
