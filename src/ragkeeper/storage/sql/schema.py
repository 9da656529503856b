"""Bring the schema to where this program needs it, and say where it is."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.engine import Connection

from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.errors import SchemaOutOfDate, SchemaUnknown

MIGRATIONS = Path(__file__).parent.parent / "migrations"


async def upgrade_schema(database: Database, revision: str = "head") -> str | None:
    """Migrate to `revision`; returns the revision reached. Raises SchemaUnknown for a newer program's database."""
    await current_revision(database)
    await database.run(_upgrade, revision)
    return await current_revision(database)


async def current_revision(database: Database) -> str | None:
    """The revision the database is at, None when empty. Raises SchemaUnknown when this program has no such one."""
    found: str | None = await database.run(_current)
    if found is not None and not _known(found):
        raise SchemaUnknown(found=found)
    return found


async def require_current(database: Database) -> None:
    """Raises SchemaOutOfDate unless the database is at this program's head."""
    found = await current_revision(database)
    needed = head_revision()
    if found != needed:
        raise SchemaOutOfDate(found=found or "none", needed=needed)


def head_revision() -> str:
    return ScriptDirectory(str(MIGRATIONS)).get_current_head() or "none"


def _known(revision: str) -> bool:
    try:
        return ScriptDirectory(str(MIGRATIONS)).get_revision(revision) is not None
    except CommandError:
        return False


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
