"""Connections to the truth: many readers, one writer at a time."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from pydantic_core import from_json
from sqlalchemy import NullPool, event, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ragkeeper.core.figures.holdings import SQL_SECONDS, SQL_SLOW
from ragkeeper.core.metrics import Metrics
from ragkeeper.core.room import free_bytes
from ragkeeper.storage.sql.driver import BEGIN, connector, is_closed
from ragkeeper.storage.sql.errors import DatabaseUnreadable, DatabaseUnsupported, NotWritten, not_written, unreadable
from ragkeeper.storage.sql.prepared import Insert
from ragkeeper.storage.sql.readers import Readers, pool_count
from ragkeeper.storage.sql.statements import Statements

# How long a statement waits for another process's lock, in milliseconds.
_BUSY_MS = 10_000
# With less room in bytes SQLite can lengthen neither its log nor the map that goes with it.
_LEAST_ROOM = 1_000_000

# Pages that a connection keeps, in kB. What readers do not keep is in the system's own cache, once for all of them.
_WRITER_CACHE, _READER_CACHE = 8000, 2000


class Database:
    """One engine over one database; `read()` and `write()` are the only ways in.

    Never ask for a second connection while holding one: there are `readers` of them and one writer. More readers make
    searches slower, not faster: their threads only compete for the interpreter.
    """

    def __init__(self, url: str, readers: int = 3, metrics: Metrics | None = None) -> None:
        self.url = _with_driver(make_url(url))
        if self.url.get_backend_name() != "sqlite":
            raise DatabaseUnsupported(backend=self.url.get_backend_name())
        self.statements = Statements(metrics or Metrics([SQL_SECONDS, SQL_SLOW]))
        took = self.statements.took
        common: dict[str, Any] = {
            "async_creator": connector(self.url, took),
            "json_deserializer": from_json,
            "hide_parameters": True,  # an error is logged, and they are texts of documents
        }
        self._engine: AsyncEngine = create_async_engine(self.url, pool_size=1, max_overflow=0, **common)
        # Readers need no transaction and so nothing to undo: that saves two of three trips to the driver's thread.
        reading = create_async_engine(
            self.url,
            pool_size=readers,
            max_overflow=0,
            isolation_level="AUTOCOMMIT",
            pool_reset_on_return=None,
            skip_autocommit_rollback=True,
            **common,
        )
        self._writing = asyncio.Lock()
        self.trouble: NotWritten | None = None
        """Why the newest change was not kept; None when it was."""
        self._readers = Readers(reading)
        for engine, kilobytes in ((self._engine, _WRITER_CACHE), (reading, _READER_CACHE)):
            event.listen(engine.sync_engine, "connect", partial(_prepare_sqlite, kilobytes))
        event.listen(self._engine.sync_engine, "begin", _begin_immediate)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for queries; each statement sees the latest committed state. Raises DatabaseUnreadable."""
        try:
            async with self._readers.connection() as connection:
                yield connection
        except DatabaseError as error:
            if (damage := unreadable(_said(error))) is None:
                raise
            raise damage from error

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction, committed at the end of the block and durable then; rolled back when the block raises.

        Raises NotWritten, as one of its kinds, when the disk takes no changes; nothing of the block is kept then. And
        DatabaseUnreadable. Who waited while another change found that out is told the same: each would wait for a lock
        in vain, one by one.
        """
        async with self._changing(), self._engine.connect() as connection, connection.begin():
            yield connection

    async def insert(self, *wanted: Insert) -> None:
        """What `write` would do with these alone, in their order, in one trip to the driver's thread.

        Raises what `write` raises, and sqlite3.IntegrityError where a row may not be there.
        """
        steps = [one.step() for one in wanted]
        async with self._changing(), self._engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            try:
                await driver.run_together(steps)
            except ValueError as error:
                if is_closed(error):
                    await connection.invalidate()  # the next caller gets another
                raise

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        """The only change at this time; what goes wrong with the disk is told in our words."""
        known = self.trouble
        async with self._writing:
            if self.trouble is not None and self.trouble is not known:
                raise self.trouble.with_traceback(None)
            try:
                yield
            except (OperationalError, sqlite3.OperationalError) as error:
                trouble = not_written(_said(error), room=self._has_room())
                if trouble is None:
                    raise
                self.trouble = trouble
                raise trouble from error
            except (DatabaseError, sqlite3.DatabaseError) as error:
                if (damage := unreadable(_said(error))) is None:
                    raise
                raise damage from error
            self.trouble = None

    async def run(self, work: Any, *arguments: Any) -> Any:
        """Run a synchronous function over a connection of its own (migrations)."""
        async with self._engine.connect() as connection:
            return await connection.run_sync(work, *arguments)

    def connections(self) -> tuple[int, int]:
        """How many are in use, and the most there can be."""
        (reading, readers), (writing, writers) = self._readers.count(), pool_count(self._engine)
        return reading + writing, readers + writers

    async def unused_bytes(self) -> int:
        """What of the file is free inside it, until something is written there or it is made smaller."""
        async with self.read() as sql:
            pages = (await sql.execute(text("PRAGMA freelist_count"))).scalar_one()
            size = (await sql.execute(text("PRAGMA page_size"))).scalar_one()
        return int(pages) * int(size)

    async def check(self) -> None:
        """Ask a table over a new connection: an old one, or no table, may answer from memory when the file is gone.

        Raises DatabaseUnreadable.
        """
        path = self.url.database
        if path and not await asyncio.to_thread(Path(path).exists):
            raise DatabaseUnreadable(reason=f"{path} is gone")  # connecting would make an empty one
        engine = create_async_engine(self.url, poolclass=NullPool)
        try:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1 FROM alembic_version"))
        except DatabaseError as error:
            raise DatabaseUnreadable(reason=_said(error)) from error
        finally:
            await engine.dispose()

    def _has_room(self) -> bool:
        try:
            free = free_bytes(Path(self.url.database or ".").parent)
        except OSError:
            return True
        return free is None or free >= _LEAST_ROOM

    async def close(self) -> None:
        await self._readers.close()
        await self._engine.dispose()


def _said(error: DatabaseError | sqlite3.Error) -> str:
    """SQLite's own words."""
    return str(error.orig if isinstance(error, DatabaseError) else error)


def _with_driver(url: URL) -> URL:
    """`sqlite:///…`, as people type it, means the asynchronous driver too."""
    return url.set(drivername="sqlite+aiosqlite") if url.drivername == "sqlite" else url


def _prepare_sqlite(cache_kilobytes: int, connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, see _begin_immediate
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    cursor.execute(f"PRAGMA cache_size=-{cache_kilobytes}")
    cursor.execute("PRAGMA temp_store=MEMORY")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once when another wrote since; an immediate one waits.
    # The driver sends this with the first statement.
    connection.exec_driver_sql(BEGIN)
