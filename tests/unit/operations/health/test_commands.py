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


def test_status_shows_every_figure(run):
    assert run("status").out.splitlines() == ["version          1", "documents.ready  2", "answer_models    -"]
    assert run("status", "--json").json == STATUS
