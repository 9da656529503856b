"""A SQLite file as it is, without a byte written to it or beside it, whether somebody has it open or nobody."""

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragkeeper.core.checks import NotLooked
from ragkeeper.storage.sql.errors import DatabaseUnreadable

_OPS_BETWEEN_LOOKS = 100_000
READ_SECONDS = 30.0
_LOCKED_SECONDS = 5.0
# A copy is made only of what fits easily beside everything else.
_LARGEST_COPY = 2_000_000_000


@dataclass(frozen=True, slots=True)
class ReadOnly:
    """Each question opens the file and closes it again: nothing is held while somebody works with it.

    in_place: changes are made in the file itself, beside a journal of what was there before, and not in a log (WAL).
    seconds: that a question may take.
    """

    path: Path
    in_place: bool = False
    seconds: float = READ_SECONDS

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Raises NotLooked where there is no such file, table or column, or it cannot be read."""
        try:
            return self.ask(query, *values)
        except DatabaseUnreadable as error:
            raise NotLooked(reason=error.message) from error

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Raises DatabaseUnreadable."""
        if not self.path.is_file():
            raise DatabaseUnreadable(reason=f"{self.path} is not there")
        try:
            with self._opened() as connection:
                _limited(connection, self.seconds)
                return connection.execute(query, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise DatabaseUnreadable(reason=str(error)) from error

    def _opened(self) -> AbstractContextManager[sqlite3.Connection]:
        if self.in_place:
            return _changed_in_place(self.path, min(_LOCKED_SECONDS, self.seconds))
        return _logged(self.path)


def _limited(connection: sqlite3.Connection, seconds: float) -> None:
    end = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > end, _OPS_BETWEEN_LOOKS)


@contextmanager
def _changed_in_place(path: Path, seconds: float) -> Iterator[sqlite3.Connection]:
    """Somebody may be changing it: only its locks tell when it is whole.

    A change that was broken off is undone by whoever opens the file next to write; until then, in a copy.
    """
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=seconds)) as connection:
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
                raise
        else:
            yield connection
            return
    with _copied(path, path.with_name(f"{path.name}-journal")) as connection:
        yield connection


@contextmanager
def _logged(path: Path) -> Iterator[sqlite3.Connection]:
    """How to read without writing depends on the log beside the file, see https://www.sqlite.org/wal.html#readonly.

    With a log and its shared memory somebody has it open, or had: both are only read. With neither nobody does, and
    the file is all there is. A log alone belongs to a copy that somebody made: only a copy of it can be opened.
    """
    log, shared = (path.with_name(path.name + end) for end in ("-wal", "-shm"))
    has_log = log.is_file() and log.stat().st_size > 0
    if has_log and not shared.exists() and path.stat().st_size + log.stat().st_size <= _LARGEST_COPY:
        with _copied(path, log) as connection:
            yield connection
        return
    how = "readonly_shm=1" if has_log and shared.exists() else "immutable=1"
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&{how}", uri=True, timeout=5)) as connection:
        yield connection


@contextmanager
def _copied(*files: Path) -> Iterator[sqlite3.Connection]:
    """The database and what belongs to it, in a folder that ends with the question."""
    with tempfile.TemporaryDirectory() as folder:
        copies = [shutil.copy(one, folder) for one in files]
        with closing(sqlite3.connect(copies[0])) as connection:
            yield connection


def names(rows: Sequence[tuple[Any, ...]]) -> list[str]:
    """The first column as text."""
    return [str(row[0]) for row in rows]
