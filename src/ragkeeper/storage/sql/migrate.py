"""Bring a schema to another revision, with Alembic. Apart from `schema`, so that a start need not load Alembic."""

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection

from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.schema import MIGRATIONS, current_revision


async def upgrade_schema(database: Database, revision: str = "head") -> str | None:
    """Migrate to `revision`; returns the revision reached. Raises SchemaUnknown for a newer program's database."""
    await current_revision(database)
    await database.run(_upgrade, revision)
    return await current_revision(database)


def _upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
