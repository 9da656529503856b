"""Settings and migrations as the guides promise them."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.guides.texts import lighthouse
from tests.acceptance.server import add_text, run, run_program, serving, wait_until_ready
from tests.machine import ROOT


@pytest.mark.timeout(120)
def test_g2_073_settings_come_from_file_and_environment(tmp_path: Path):
    (tmp_path / ".env").write_text("RETRIEVAL_TOP_K=3\n", encoding="utf-8")
    with serving(tmp_path) as server:
        wait_until_ready(server, [add_text(server, f"L {number}", lighthouse(number)) for number in range(8)])
        assert len(server.http.get("/api/v1/search", params={"query": "lighthouse"}).json()["results"]) == 3
    with serving(tmp_path, {"RETRIEVAL_TOP_K": "5"}) as server:
        assert len(server.http.get("/api/v1/search", params={"query": "lighthouse"}).json()["results"]) == 5
    mistyped = run("serve", folder=tmp_path, environment={"RAG_USE_COMPRESION": "true"})
    assert mistyped.returncode == 2
    assert "RAG_USE_COMPRESSION" in mistyped.stdout + mistyped.stderr


@pytest.mark.timeout(120)
def test_g3_038_the_migration_engine_upgrades_as_typed(tmp_path: Path):
    address = {"DATABASE_URL": f"sqlite:///{tmp_path / 'one.db'}"}
    for _ in range(2):
        done = alembic("upgrade", "head", environment=address)
        assert done.returncode == 0, done.stdout + done.stderr
    same = run("db", "upgrade", folder=tmp_path, environment={"DATABASE_URL": f"sqlite:///{tmp_path / 'two.db'}"})
    assert same.returncode == 0, same.stdout + same.stderr
    assert _tables(tmp_path / "one.db") == _tables(tmp_path / "two.db") >= {"documents", "chunks"}
    wrong = {"DATABASE_URL": f"sqlite:///{tmp_path}/missing/three.db"}
    assert alembic("upgrade", "head", environment=wrong).returncode != 0


@pytest.mark.timeout(120)
def test_g3_039_the_migration_engine_shows_the_revision(tmp_path: Path):
    address = {"DATABASE_URL": f"sqlite:///{tmp_path / 'one.db'}"}
    alembic("upgrade", "head", environment=address)
    shown = alembic("current", environment=address).stdout
    ours = run("db", "current", folder=tmp_path, environment=address).stdout
    assert "(head)" in shown
    assert "(head)" in ours
    assert shown.split()[0] == ours.split()[0]
    alembic("downgrade", "-1", environment=address)
    assert "(head)" not in alembic("current", environment=address).stdout


@pytest.mark.timeout(120)
def test_g2_072_the_key_is_a_setting(tmp_path: Path, require_binary: Callable[[str], Path]):
    made = subprocess.run([require_binary("openssl"), "rand", "-hex", "32"], capture_output=True, text=True, check=True)
    key = made.stdout.strip()
    with serving(tmp_path, {"API_KEY": key}) as server:
        for given, status in ((key, 200), (key[:-1], 401), ("", 401)):
            answer = server.stranger.post("/chat", json={"message": "Who is there?"}, headers={"X-API-Key": given})
            assert answer.status_code == status
    for weak in ("test", key[:16], "a" * 64, "change-me-to-a-long-random-string-please"):
        refused = run("serve", folder=tmp_path, environment={"API_KEY": weak})
        assert refused.returncode == 2
        assert "API_KEY" in refused.stderr
        assert weak not in refused.stdout + refused.stderr


def alembic(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """As the guides type it, where alembic.ini is."""
    return run_program([sys.executable, "-m", "alembic", *arguments], ROOT, environment)


def _tables(path: Path) -> set[str]:
    with sqlite3.connect(path) as database:
        rows = database.execute("select name from sqlite_master where type = 'table'").fetchall()
    return {name for (name,) in rows}
