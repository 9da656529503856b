"""SQL statements that take long: told beside their target, by a rule in a real Prometheus, and by name."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.guides.test_alerts import address, until_firing, until_quiet
from tests.acceptance.guides.test_diagnosis import SLOW_VIEW, rounds_of
from tests.acceptance.guides.test_figures import series
from tests.acceptance.guides.test_status import status
from tests.acceptance.server import Server, serving, wait_for
from tests.faults.alerts.scene import load
from tests.integration.monitoring.stack import programs, watching

Require = Callable[[str], Path]
NAME = "sql_statement_p95"


def slow_target(server: Server) -> bool:
    return status(server)["targets"][NAME]["ok"] is False


@pytest.mark.timeout(300)
def test_g0_074_slow_statements_are_told_and_named(tmp_path: Path, require_binary: Require):
    found = programs(require_binary)
    with (
        serving(tmp_path / "server") as server,
        watching(found, tmp_path, [address(server)], "--time-scale=0.05") as stack,
    ):
        edges = {labels[1] for labels in series(server, "rag_sql_statement_seconds_bucket")}
        assert "0.1" in edges
        server.http.post("/api/v1/sources", json={"kind": "folder", "location": str(tmp_path), "name": "kept"})
        with load(lambda: server.http.get("/api/v1/sources"), 2, 0.05):
            wait_for(lambda: bool(stack.query("sum(rate(rag_sql_statement_seconds_count[1m])) > 10")), 60)
            calm = status(server)["targets"][NAME]
            assert (calm["ok"], calm["target"]) == (True, 0.1)
            with sqlite3.connect(tmp_path / "server/data/ragkeeper.db", timeout=30) as truth:
                truth.executescript(SLOW_VIEW.format(rounds=rounds_of(0.3)))
            until_firing(stack, "SlowStatements.warning", seconds=90)
            wait_for(lambda: slow_target(server), 60)
            assert "ABOVE" in next(line for line in server.run("status").stdout.splitlines() if "sql statement" in line)
            with sqlite3.connect(tmp_path / "server/data/ragkeeper.db", timeout=30) as truth:
                truth.executescript("DROP VIEW sources; ALTER TABLE real_sources RENAME TO sources;")
            until_quiet(stack, "SlowStatements.warning", seconds=90)
        told = json.loads(server.run("diagnose", "performance", "--json", check=False).stdout)
    assert "FROM sources" in told["slow_statements"][0]["text"]
    assert told["slow_statements"][0]["longest"] >= 0.1
    assert "slow_statement" in server.log
