import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from ragkeeper.operations.diagnose.database import look
from ragkeeper.operations.diagnose.models import SlowStatement
from ragkeeper.operations.diagnose.rules import index_advice
from ragkeeper.storage.sql.readonly import ReadOnly
from ragkeeper.storage.sql.tables import metadata

SCHEMA = """
CREATE TABLE papers (id INTEGER PRIMARY KEY, title TEXT);
CREATE TABLE pages (id INTEGER PRIMARY KEY, paper_id INTEGER REFERENCES papers(id), number INTEGER, note TEXT);
CREATE INDEX ix_number ON pages (number);
CREATE INDEX ix_number_note ON pages (number, note);
INSERT INTO papers VALUES (1, 'x');
WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 2000)
INSERT INTO pages SELECT x, 1, x, 'note' FROM n;
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "x.db"
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    connection.close()
    return path


def slow(text: str) -> SlowStatement:
    return SlowStatement("x", text, 1, 1.0, 1.0)


def test_advice_comes_from_the_databases_own_tables_and_plans(file: Path):
    statements = [
        slow("SELECT id FROM pages WHERE note = ? AND paper_id IN (?, …)"),
        slow("SELECT id FROM pages WHERE number = ?"),
        slow("BEGIN IMMEDIATE"),
        slow("SELECT cut off in the mid"),
    ]
    found = look(ReadOnly(file).ask, statements)
    assert [table.name for table in found.tables] == ["pages", "papers"]
    assert found.tables[0].rows == 2000
    assert [len(plan.steps) for plan in found.plans] == [1, 1, 0]
    assert index_advice(found) == [
        f"A slow statement reads all 2000 rows of pages; an index may help: {statements[0].text}",
        "No index on pages (paper_id), which refers to another table",
        "The index ix_number is not needed: ix_number_note begins with the same columns",
    ]


def test_a_file_that_is_not_there_is_said(tmp_path: Path):
    found = look(ReadOnly(tmp_path / "none.db").ask, [])
    assert "is not there" in found.problem
    assert index_advice(found) == []


def test_our_own_schema_lacks_no_index_and_has_none_too_many(tmp_path: Path):
    engine = create_engine(f"sqlite:///{tmp_path / 'own.db'}")
    metadata.create_all(engine)
    engine.dispose()
    found = look(ReadOnly(tmp_path / "own.db").ask, [])
    large = [type(table)(table.name, 1_000_000, table.indexes, table.references) for table in found.tables]
    assert len(large) == len(metadata.tables)
    assert index_advice(type(found)(large)) == []
