import contextlib
import sqlite3
from pathlib import Path

import pytest

from ragkeeper.core.settings import Settings
from ragkeeper.entrypoints import preflight


def test_before_an_upgrade_a_database_is_read_as_long_as_that_may_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "ragkeeper.db")) as connection, connection:
        connection.execute("CREATE TABLE x (a INTEGER PRIMARY KEY)")
        connection.executemany("INSERT INTO x VALUES (?)", ((number,) for number in range(50_000)))
    settings = Settings.model_validate({"RAG_DATA_DIR": tmp_path})
    assert "integrity_unchecked" not in {finding.code for finding in preflight.before_upgrade(settings)}
    monkeypatch.setattr(preflight, "_READ_SECONDS", 0.0)
    assert "integrity_unchecked" in {finding.code for finding in preflight.before_upgrade(settings)}
