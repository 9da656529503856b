from contextlib import contextmanager

import pytest

from ragkeeper.cli.app import command_group
from ragkeeper.cli.errors import ServerNotRunning
from ragkeeper.operations.health.commands import add_health_commands
from tests.unit.cli.server import FakeServer, runner

MACHINE = {"memory_total": 8_000_000_000, "memory_used": 2_000_000_000, "limited": False}
MACHINE |= {"load_1": 0.5, "load_5": 0.25, "load_15": 0.125}
WELL = {
    "status": "healthy",
    "version": "1",
    "components": {"database": {"state": "healthy", "reason": ""}},
    "machine": MACHINE,
}
STATUS = {"version": "1", "documents": {"ready": 2}, "answer_models": []}


@pytest.fixture
def server():
    return FakeServer({"GET /health/detailed": WELL, "GET /status": STATUS})


@pytest.fixture
def run(server, capsys):
    app = command_group()
    add_health_commands(app, server.connect, server.connect)
    return runner(app, capsys)


def test_each_part_is_shown(run):
    done = run("health")
    assert done.code == 0
    assert done.out.splitlines()[0] == "healthy (version 1)"
    assert "database  healthy" in done.out
    assert "memory of the machine: 2.0 GB of 8.0 GB; load: 0.50 0.25 0.12" in done.out
    assert run("health", "--json").json == WELL


BEGAN = "2026-01-02T03:04:05.678901+00:00"
CAUSE = {"name": "database", "step": "read_only", "code": "storage_full", "reason": "no room", "since": BEGAN}
FORCED = {"step": "search_only", "by": "anna", "since": BEGAN, "until": "2026-01-02T04:00:00+00:00", "reason": "a move"}
DEGRADED = {"step": "read_only", "causes": [CAUSE], "forced": FORCED}
SINCE = "2026-01-02 03:04:05 UTC"


def test_what_can_be_done_and_what_is_in_force_is_shown(server, run):
    able = {"ingest": {"state": "down", "reason": "degradation: read_only", "since": BEGAN}}
    server.answers["GET /health/detailed"] = {**WELL, "capabilities": able, "degradation": DEGRADED}
    shown = run("health").out
    assert f"ingest      down   {SINCE}  degradation: read_only" in shown
    assert "degradation: read_only\n" in shown
    assert f"forced by anna: search_only, since {SINCE}, until 2026-01-02 04:00:00 UTC (a move)" in shown
    assert f"database  read_only  {SINCE}  no room" in shown
    assert run("health", "--json").json["capabilities"] == able


@pytest.mark.parametrize("state", ["degraded", "unhealthy"])
def test_a_part_that_is_unwell_is_a_problem_with_its_reason(server, run, state):
    parts = {"llm_service": {"state": state, "reason": "groq: timeout"}}
    server.answers["GET /health/detailed"] = {**WELL, "status": state, "components": parts}
    done = run("health")
    assert done.code == 1
    assert "groq: timeout" in done.out
    assert run("health", "--json").code == 1


def test_health_without_a_server_could_not_run(server, capsys):
    @contextmanager
    def nobody():
        raise ServerNotRunning(path="/data")
        yield

    app = command_group()
    add_health_commands(app, server.connect, nobody)
    run = runner(app, capsys)
    done = run("health")
    assert done.code == 3
    assert "[server_not_running]" in done.err
    assert run("status").code == 0


DISK = {
    "path": "/data",
    "used_percent": 44.2,
    "total": 9_000_000_000,
    "free": 5_000_000_000,
    "inodes": 10,
    "inodes_free": 9,
    "verdict": "ok",
}
UNSIZED = {**DISK, "used_percent": None, "total": 0, "free": 0, "inodes": 0, "verdict": "unknown"}
FIGURES = {
    "version": "1",
    "uptime_seconds": 93_700.0,
    "health": "healthy",
    "documents": {"ready": 2, "failed": 0, "chunks": 31},
    "queue": {"waiting": 0},
    "index": {
        "chunks": 31,
        "vectors": 30,
        "waiting_changes": 1,
        "lag_seconds": 0.25,
        "orphans": 0,
        "missing": 0,
        "checked_at": "2026-01-02T03:04:05.678901+00:00",
    },
    "backup": {"configured": False, "last": None},
    "drill": {"configured": False, "last": None},
    "answer_mode": "extractive",
    "answer_models": [],
    "degradation": {"step": "full"},
    "traffic": {
        "seconds": 300.0,
        "per_second": 1.5,
        "p50": 0.0123,
        "p95": 2.5,
        "p99": None,
        "error_share": 0.02,
        "refused_share": 0.0,
    },
    "targets": {
        "cpu": {"value": 81.5, "target": 80.0, "unit": "%", "ok": False},
        "error_share": {"value": None, "target": 1.0, "unit": "%", "ok": None},
    },
    "disks": {"data": DISK, "logs": UNSIZED},
    "errors": {
        "hours": 24,
        "total": 3,
        "by_code": {
            "storage_full": {"count": 3, "first": "2026-01-02T03:04:05+00:00", "last": "2026-01-02T04:04:05+00:00"}
        },
    },
    "unknown": {"providers": "no_answer"},
}


def test_status_shows_figures_as_a_person_reads_them(server, run):
    server.answers["GET /status"] = FIGURES
    said = {line.split("  ", 1)[0]: line.split("  ", 1)[-1].strip() for line in run("status").out.splitlines()}
    assert said["up for"] == "1 d 2 h"
    assert said["documents"] == "2 ready, 31 chunks"
    assert said["queue"] == "none"
    assert said["index lag"] == "250 ms (1 changes wait)"
    assert said["index checked"] == "2026-01-02 03:04:05 UTC: 0 too many, 0 missing"
    assert said["last backup"] == said["last drill"] == "none (not configured)"
    assert said["requests"] == "1.50/s over the last 5 min 0 s, 2.0 % failed (5xx), 0.0 % refused (4xx)"
    assert said["p50 / p95 / p99"] == "12 ms / 2.5 s"
    assert said["cpu"].split("  ")[0] == "81.5 %"
    assert "ABOVE" in said["cpu"]
    assert "no figure yet" in said["error share"]
    assert said["data"].startswith("44.2 %")
    assert said["logs"].split() == ["-", "-", "-", "unknown", "/data"]
    assert "errors logged in the last 24 hours: 3" in said
    assert said["storage_full"].split() == ["3", "2026-01-02", "03:04:05", "UTC", "2026-01-02", "04:04:05", "UTC"]
    assert "not known now: providers [no_answer]" in said
    assert run("status", "--json").json == FIGURES


def test_status_shows_what_is_unusual_and_why(server, run):
    unusual = {
        "degradation": DEGRADED,
        "index": {**FIGURES["index"], "rebuilding": True},
        "loops": {"embed": "the model is away", "read": None},
    }
    server.answers["GET /status"] = {**FIGURES, **unusual}
    shown = run("status").out
    assert "31 chunks, 30 vectors, being rebuilt: some passages are not found" in shown
    assert f"forced by anna: search_only, since {SINCE}" in shown
    assert f"database  read_only  {SINCE}  no room" in shown
    assert "embed  the model is away" in shown
    assert "\nread " not in shown
    server.answers["GET /status"] = {**FIGURES, "loops": {"read": None}}
    shown = run("status").out
    assert not [word for word in ("rebuilt", "forced", "missing  ", "loop") if word in shown]


def test_status_of_a_server_that_says_little_is_shown_too(run):
    assert run("status").out.splitlines() == ["version        1", "answer_models  -", "documents      2 ready"]
    assert run("status", "--json").json == STATUS


def test_a_server_of_the_command_itself_says_nothing_of_its_health(server, run):
    server.private = True
    server.answers["GET /status"] = FIGURES
    found = run("status", "--json").json
    assert found["running"] is False
    assert not {"health", "uptime_seconds", "traffic", "targets"} & set(found)
    assert found["documents"] == FIGURES["documents"]
    shown = run("status").out
    assert shown.startswith("No server runs on this data folder")
    assert "healthy" not in shown
