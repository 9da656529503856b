"""Databases with the schema of today, copied: to migrate takes longer than most of the tests."""

import asyncio
import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.migrate import upgrade_schema


async def migrated(path: Path) -> Database:
    """The database of this file, which is made where it is not there yet."""
    if not await asyncio.to_thread(path.exists):
        await asyncio.to_thread(shutil.copyfile, await _empty_database(), path)
    return Database(f"sqlite+aiosqlite:///{path}")


async def _empty_database() -> Path:
    """Made once in a process."""
    folder = _kept_folder()
    path = folder / "empty.db"
    if not path.exists():
        database = Database(f"sqlite+aiosqlite:///{folder / 'made.db'}")
        await upgrade_schema(database)
        await database.close()
        (folder / "made.db").rename(path)
    return path


@cache
def _kept_folder() -> Path:
    kept = tempfile.TemporaryDirectory(prefix="ragkeeper-schema-")
    atexit.register(kept.cleanup)
    return Path(kept.name)
