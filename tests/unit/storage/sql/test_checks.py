import contextlib
import sqlite3
from pathlib import Path

import pytest

from ragkeeper.core.checks import Finding
from ragkeeper.storage.sql.checks import sqlite_checks
from ragkeeper.storage.sql.readonly import ReadOnly


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Too large to be read in no time at all."""
    path = tmp_path / "a database.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE x (a INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE y (a INTEGER PRIMARY KEY, b INTEGER NOT NULL REFERENCES x (a))")
        with connection:
            connection.executemany("INSERT INTO x VALUES (?)", ((number,) for number in range(50_000)))
            connection.executemany("INSERT INTO y VALUES (?, 1)", ((number,) for number in range(50_000)))
    return path


def found(path: Path, seconds: float, name: str) -> list[Finding]:
    checks = sqlite_checks("database", ReadOnly(path, seconds=seconds), expected=True)
    return [finding for check in checks if check.name == name for finding in check.look()]


@pytest.mark.parametrize(("name", "pragma"), [("integrity", "quick_check"), ("references", "foreign_key_check")])
def test_what_takes_too_long_to_read_is_told_with_what_reads_it(large: Path, name: str, pragma: str) -> None:
    assert found(large, 60, name) == []
    [finding] = found(large, 0, name)
    assert (finding.code, finding.evidence["seconds"]) == ("integrity_unchecked", 0)
    assert finding.fix == f"sqlite3 -readonly '{large}' 'PRAGMA {pragma}'"
