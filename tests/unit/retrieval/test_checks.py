# ruff: noqa: S608 - the statements are of the test itself

import contextlib
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ragkeeper.core.checks import NotLooked
from ragkeeper.retrieval.checks import index_checks, live_index_checks
from ragkeeper.storage.sql.readonly import ReadOnly

NOW = datetime(2026, 1, 9, tzinfo=UTC)
SCHEMA = """
CREATE TABLE settings (name, value, updated_at);
CREATE TABLE versions (id, status, created_at);
CREATE TABLE documents (id, current_version_id);
CREATE TABLE chunks (id, document_id, version_id);
CREATE TABLE index_outbox (id);
INSERT INTO documents VALUES ('d', 'new');
INSERT INTO chunks VALUES (1, 'd', 'old'), (2, 'd', 'new'), (3, 'd', 'new');
"""


@pytest.fixture
def change(tmp_path: Path) -> Callable[[str], ReadOnly]:
    """Runs statements, and gives the file to be read."""
    path = tmp_path / "a.db"

    def run(statements: str) -> ReadOnly:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.executescript(statements)
        return ReadOnly(path)

    run(SCHEMA)
    return run


def ready(day: int) -> str:
    return f"INSERT INTO versions VALUES ('new', 'ready', '2026-01-{day:02} 00:00:00.000000')"


def compared(day: int) -> str:
    result = f'{{"orphans": 0, "missing": 0, "checked_at": "2026-01-{day:02}T00:00:00+00:00"}}'
    return f"INSERT INTO settings VALUES ('index_check', '{result}', NULL); {ready(1)}"


@pytest.mark.parametrize(
    ("statements", "when"),
    [
        ("", None),
        (ready(8), None),
        (ready(6), "never"),
        (compared(8), None),
        (compared(6), "2026-01-06T00:00:00+00:00"),
    ],
)
def test_a_comparison_that_is_old_or_never_was_is_told(
    tmp_path: Path, change: Callable[[str], ReadOnly], statements: str, when: str | None
) -> None:
    checks = index_checks(tmp_path, change(statements), lambda _: None, "english", lambda: NOW)
    found = [finding for check in checks if check.name == "age of comparison" for finding in check.look()]
    assert [finding.evidence["when"] for finding in found] == ([when] if when else [])
    assert {finding.code for finding in found} <= {"index_not_compared"}


def counted(truth: ReadOnly, chunks: int | None, *, rebuilding: bool = False) -> list[Any]:
    [check] = live_index_checks(truth, lambda path: {"index": {"chunks": chunks, "rebuilding": rebuilding}})
    return [(finding.code, finding.evidence) for finding in check.look()]


@pytest.mark.parametrize("held", [1, 3])
def test_a_live_index_that_holds_more_or_less_is_told(change: Callable[[str], ReadOnly], held: int) -> None:
    assert counted(change(""), 2) == []
    assert counted(change(""), held) == [("index_count_differs", {"held": held, "expected": 2})]


def test_nothing_is_said_of_an_index_that_changes_or_is_built(change: Callable[[str], ReadOnly]) -> None:
    for chunks, rebuilding in ((None, False), (1, True)):
        with pytest.raises(NotLooked):
            counted(change(""), chunks, rebuilding=rebuilding)
    with pytest.raises(NotLooked, match="changing"):
        counted(change("INSERT INTO index_outbox VALUES (1)"), 1)

    def meanwhile(path: str) -> Any:
        change("DELETE FROM chunks WHERE id = 3")
        return {"index": {"chunks": 1, "rebuilding": False}}

    [check] = live_index_checks(change("DELETE FROM index_outbox"), meanwhile)
    with pytest.raises(NotLooked, match="changing"):
        list(check.look())
