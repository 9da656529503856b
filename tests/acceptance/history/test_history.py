"""What a real server remembers of itself: rates and percentiles, over restarts and while nothing can be written."""

import json
import sqlite3
import time
from pathlib import Path

import pytest

from tests.acceptance.server import Server, run, serving, wait_for

REQUESTS, MINUTE = 300, 60.0


def shown(server: Server, name: str, *more: str) -> dict:
    return json.loads(server.run("history", "show", name, "--hours", "1", "--json", *more).stdout)


def ask(server: Server, count: int, seconds: float) -> None:
    """So many requests, evenly over the time."""
    began = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, began + number * seconds / count - time.monotonic()))
        server.http.get("/api/v1/search", params={"query": f"bell {number}"})


def total(series: dict) -> float:
    return sum((point["value"] or 0) * point["seconds"] for point in series["points"])


@pytest.mark.timeout(200)
def test_requests_per_second_are_remembered_and_survive_restarts(tmp_path: Path):
    """The remembered half of G4-013 and G0-071: five requests a second for a minute."""
    with serving(tmp_path) as server:
        ask(server, REQUESTS, MINUTE)
    with serving(tmp_path) as server:
        found = shown(server, "search_time")
        assert sum(point["count"] for point in found["points"]) == REQUESTS
        assert 0 < found["whole"]["p50"] <= found["whole"]["p95"] <= found["whole"]["p99"] < 10
        rates = shown(server, "requests")
        assert total(rates) == pytest.approx(REQUESTS, rel=0.05)
        [busiest] = [max(one["value"] or 0 for one in rates["points"])]
        assert busiest == pytest.approx(REQUESTS / MINUTE, rel=0.1)
        ask(server, 20, 1)
    with serving(tmp_path) as server:
        assert total(shown(server, "requests")) == pytest.approx(REQUESTS + 20, rel=0.06)
        assert server.stranger.get("/admin/history").status_code == 401
        assert server.http.get("/admin/history/nonsense").json()["code"] == "history_unknown"
        unknown = server.run("history", "show", "nonsense", check=False)
        assert (unknown.returncode, "history_unknown" in unknown.stderr) == (2, True)
    listed = run("history", "list", folder=tmp_path)  # also without a server
    names = {line.split()[0] for line in listed.stdout.splitlines()}
    assert {"cpu", "memory", "disk", "requests", "response_time", "errors", "documents", "chunks", "queue"} <= names
    assert {"database_bytes", "answers", "own_memory", "load", "swap"} <= names


@pytest.mark.timeout(290)
def test_a_database_that_takes_no_changes_is_said_and_nothing_is_lost(tmp_path: Path):
    """Somebody else holds it."""

    def keeping() -> dict:
        return dict(server.http.get("/admin/history").json()["keeping"])

    with serving(tmp_path) as server:
        wait_for(lambda: keeping()["written_at"] is not None, 90)
        other = sqlite3.connect(tmp_path / "data" / "ragkeeper.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        wait_for(lambda: "holds the database" in keeping()["trouble"] and keeping()["waiting"] >= 1, 150)
        assert keeping()["waiting"] >= 1
        assert server.http.get("/api/v1/search", params={"query": "x"}).status_code == 200
        assert "history_not_written" in server.log
        assert "Nothing is written at the moment" in server.run("history", "list").stderr
        other.execute("ROLLBACK")
        other.close()
        wait_for(lambda: keeping()["trouble"] == "", 60)
        assert (keeping()["lost"], "history_written_again" in server.log) == (0, True)


def test_a_span_beyond_the_calendar_is_cut_to_what_can_be_known(tmp_path: Path):
    with serving(tmp_path) as server:
        before = server.http.get("/admin/history/requests", params={"until": "0001-01-01T00:00:00"})
        assert (before.status_code, before.json()["points"]) == (200, [])
        oldest = {"since": "0001-01-01T00:00:00+14:00", "resolution": "hour"}
        assert server.http.get("/admin/history/requests", params=oldest).status_code == 200
        newest = server.http.get("/admin/history/requests", params={"since": "9999-12-31T23:59:59-14:00"})
        assert newest.json()["code"] == "history_span_invalid"
