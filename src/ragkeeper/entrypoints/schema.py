"""The schema of the database that the settings name, looked at and upgraded without a server."""

import asyncio
from pathlib import Path

from alembic.util import CommandError

from ragkeeper.core.settings import Settings
from ragkeeper.operations.upgrade.errors import RevisionUnknown
from ragkeeper.operations.upgrade.models import SchemaState
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.migrate import upgrade_schema
from ragkeeper.storage.sql.schema import current_revision, head_revision


def schema_state(settings: Settings) -> SchemaState:
    """Changes nothing. Raises SchemaUnknown for a newer program's database."""
    return asyncio.run(_state(Database(settings.sql_url)))


def upgrade(settings: Settings, revision: str) -> SchemaState:
    """Raises RevisionUnknown, SchemaUnknown."""
    return asyncio.run(_upgrade(Database(settings.sql_url), revision))


async def _state(database: Database) -> SchemaState:
    try:
        # Connecting would make the file; to look must not.
        revision = await current_revision(database) if _exists(database) else None
        return SchemaState(revision, head_revision(), database.url.render_as_string(hide_password=True))
    finally:
        await database.close()


def _exists(database: Database) -> bool:
    return database.url.database is None or Path(database.url.database).exists()


async def _upgrade(database: Database, revision: str) -> SchemaState:
    try:
        await upgrade_schema(database, revision)
    except CommandError as error:
        raise RevisionUnknown(revision=revision) from error
    finally:
        await database.close()
    return await _state(database)
