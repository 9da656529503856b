"""Alembic's entry: uses the connection it is given, or opens the one that the settings name."""

from alembic import context
from sqlalchemy import create_engine, pool
from sqlalchemy.engine import Connection

from ragkeeper.core.settings import load_settings
from ragkeeper.storage.sql.tables import metadata


def migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    settings = load_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = create_engine(settings.sql_url.replace("+aiosqlite", ""), poolclass=pool.NullPool)
    with engine.connect() as opened:
        migrate(opened)
        opened.commit()
