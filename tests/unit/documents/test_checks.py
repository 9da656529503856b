import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from ragkeeper.documents.checks import document_checks
from ragkeeper.storage.sql.readonly import ReadOnly


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE versions (id TEXT PRIMARY KEY, document_id TEXT, sha256 TEXT)")
        connection.executemany("INSERT INTO versions VALUES (?, ?, ?)", [("v1", "d1", "a"), ("v2", "d2", "b")])
    return path


def found(truth: Path, place: Callable[[str], Path]) -> list[dict[str, object]]:
    [check] = document_checks(ReadOnly(truth), place)
    return [dict(one.evidence) for one in check.look()]


def test_a_document_whose_file_is_gone_is_told(truth: Path, tmp_path: Path):
    (tmp_path / "a").touch()
    assert found(truth, lambda digest: tmp_path / digest) == [{"count": 1, "documents": ["d2"]}]
    (tmp_path / "b").touch()
    assert found(truth, lambda digest: tmp_path / digest) == []


def test_what_is_deleted_while_it_is_looked_for_is_not_missing(truth: Path, tmp_path: Path):
    def place(digest: str) -> Path:
        with sqlite3.connect(truth) as connection:
            connection.execute("DELETE FROM versions WHERE sha256 = 'b'")
        return tmp_path / digest

    assert found(truth, place) == [{"count": 1, "documents": ["d1"]}]
