import contextlib
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from ragkeeper.core.checks import NotLooked
from ragkeeper.storage.sql.errors import DatabaseUnreadable
from ragkeeper.storage.sql.readonly import ReadOnly

COUNT = "SELECT count(*) FROM x"
READ = f"""
import sys
from pathlib import Path
from ragkeeper.storage.sql.readonly import ReadOnly
print(ReadOnly(Path(sys.argv[1])).rows({COUNT!r}), end="")
"""

BROKEN_OFF = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("CREATE TABLE x (a)")
connection.executemany("INSERT INTO x VALUES (?)", [("old" * 300,)] * 2000)
connection.commit()
connection.execute("PRAGMA cache_size=5")
connection.execute("UPDATE x SET a = 'new'")
os._exit(0)
"""


def traces(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}


@pytest.fixture
def open_database(tmp_path: Path):
    """Open with two rows, one of them in its log alone."""
    folder = tmp_path / "open"
    folder.mkdir()
    with contextlib.closing(sqlite3.connect(folder / "a.db")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE x (a)")
        connection.execute("INSERT INTO x VALUES (1)")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("INSERT INTO x VALUES (2)")
        connection.commit()
        yield folder


def test_an_open_database_is_read_as_it_is(open_database: Path) -> None:
    """By another process: connections of one share the memory beside the file."""
    before = traces(open_database)
    done = subprocess.run([sys.executable, "-c", READ, open_database / "a.db"], capture_output=True, check=True)
    assert done.stdout == b"[(2,)]"
    assert traces(open_database) == before


@pytest.mark.parametrize("without", ["", "-shm"])
def test_what_a_killed_process_left_is_read_whole(open_database: Path, tmp_path: Path, without: str) -> None:
    left = tmp_path / "left"
    shutil.copytree(open_database, left)
    if without:
        (left / f"a.db{without}").unlink()
    before = traces(left)
    assert ReadOnly(left / "a.db").rows(COUNT) == [(2,)]
    assert traces(left) == before


def test_a_closed_database_gets_no_files_beside_it(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE x (a)")
    before = traces(tmp_path)
    assert ReadOnly(tmp_path / "a.db").rows(COUNT) == [(0,)]
    assert traces(tmp_path) == before
    assert list(before) == ["a.db"]


@pytest.fixture
def broken_off(tmp_path: Path) -> Path:
    """A file whose process was killed in the middle of a change of all its rows, so large that some are in the file."""
    folder = tmp_path / "broken"
    folder.mkdir()
    subprocess.run([sys.executable, "-c", BROKEN_OFF, folder / "a.db"], check=True)
    assert (folder / "a.db-journal").stat().st_size
    return folder


def test_a_change_in_place_that_was_broken_off_is_not_seen(broken_off: Path) -> None:
    before = traces(broken_off)
    count = "SELECT count(*) FROM x WHERE a = 'new'"
    assert ReadOnly(broken_off / "a.db").rows(count) != [(0,)]
    assert ReadOnly(broken_off / "a.db", in_place=True).rows(count) == [(0,)]
    assert traces(broken_off) == before


def test_a_change_in_place_that_is_under_way_is_waited_for(broken_off: Path) -> None:
    file = ReadOnly(broken_off / "a.db", in_place=True, seconds=0.2)
    with contextlib.closing(sqlite3.connect(broken_off / "a.db")) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        before = traces(broken_off)
        with pytest.raises(DatabaseUnreadable, match="locked"):
            file.ask(COUNT)
        connection.rollback()
        assert file.ask(COUNT) == [(2000,)]
        assert traces(broken_off).keys() == before.keys() - {"a.db-journal"}


def test_nothing_can_be_written(open_database: Path) -> None:
    with pytest.raises(DatabaseUnreadable, match="readonly"):
        ReadOnly(open_database / "a.db").ask("INSERT INTO x VALUES (3)")


def test_a_question_that_takes_too_long_is_ended(open_database: Path) -> None:
    forever = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(DatabaseUnreadable, match="interrupted"):
        ReadOnly(open_database / "a.db", seconds=0.2).ask(forever)


def test_what_is_not_there_is_not_looked_at(open_database: Path, tmp_path: Path) -> None:
    for path, query in ((tmp_path / "gone.db", COUNT), (open_database / "a.db", "SELECT 1 FROM gone")):
        with pytest.raises(NotLooked):
            ReadOnly(path).rows(query)
    assert not (tmp_path / "gone.db").exists()
