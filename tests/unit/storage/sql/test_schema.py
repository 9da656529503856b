from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.errors import DatabaseUnsupported, SchemaOutOfDate, SchemaUnknown
from ragkeeper.storage.sql.migrate import upgrade_schema
from ragkeeper.storage.sql.schema import MIGRATIONS, current_revision, head_revision, require_current, revisions
from ragkeeper.storage.sql.tables import metadata


def database(folder: Path) -> Database:
    return Database(f"sqlite+aiosqlite:///{folder / 'x.db'}")


async def test_a_migrated_database_is_what_the_tables_say(tmp_path: Path) -> None:
    made = database(tmp_path)
    assert await current_revision(made) is None
    assert await upgrade_schema(made) == head_revision()
    differences = await made.run(_differences)
    await made.close()
    assert differences == []


def _differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


def test_the_revisions_on_disk_are_alembic_s() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert scripts.get_current_head() == head_revision()
    assert sorted(script.revision for script in scripts.walk_revisions()) == revisions()


async def test_an_empty_database_is_out_of_date(tmp_path: Path) -> None:
    made = database(tmp_path)
    with pytest.raises(SchemaOutOfDate):
        await require_current(made)
    await made.close()


async def test_a_newer_program_s_database_is_left_alone(tmp_path: Path) -> None:
    made = database(tmp_path)
    await upgrade_schema(made)
    async with made.write() as sql:
        await sql.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaUnknown, match="9999"):
        await upgrade_schema(made)
    await made.close()


def test_the_same_tables_can_be_made_in_postgresql() -> None:
    statements = [str(CreateTable(table).compile(dialect=postgresql.dialect())) for table in metadata.sorted_tables]
    assert len(statements) == len(metadata.tables)
    assert any("BIGSERIAL" in statement for statement in statements)


def test_an_engine_of_a_later_version_is_refused_by_name() -> None:
    with pytest.raises(DatabaseUnsupported, match="postgresql"):
        Database("postgresql+psycopg://localhost/x")
