import pytest

from ragkeeper.cli.app import command_group
from ragkeeper.operations.breakers.commands import breaker_commands
from tests.unit.cli.server import FakeServer, runner

GROQ = {
    "name": "groq:chat",
    "model": "llama",
    "state": "down",
    "breaker": "open",
    "held": False,
    "since": "2026-11-20T12:00:00.5+00:00",
    "next_try": "2026-11-20T12:00:30.5+00:00",
    "last_success": None,
    "error_rate": 0.25,
    "latency_p50": 1.5,
    "last_failure_reason": "status 503",
}


@pytest.fixture
def server():
    return FakeServer({"GET /admin/breakers": [GROQ], "POST /admin/breakers/groq:chat": [{**GROQ, "held": True}]})


@pytest.fixture
def run(server, capsys):
    app = command_group()
    app.add_typer(breaker_commands(server.connect))
    return runner(app, capsys)


def test_providers_are_listed(server, run):
    done = run("breaker", "list")
    assert done.code == 0
    row = [cell for cell in done.out.splitlines()[1].split("  ") if cell]
    assert [cell.strip() for cell in row] == [
        "groq:chat", "llama", "down", "open", "2026-11-20T12:00:00", "2026-11-20T12:00:30", "25%", "1.5", "status 503",
    ]  # fmt: skip
    assert run("breaker", "list", "--json").json == [GROQ]
    server.answers["GET /admin/breakers"] = []
    assert "No model of a provider is in use" in run("breaker", "list").err


@pytest.mark.parametrize("act", ["open", "close", "auto"])
def test_each_act_is_sent_with_its_reason(server, run, act):
    done = run("breaker", act, "groq:chat", "--reason", "it bills twice")
    assert done.code == 0
    assert "open, held" in done.out
    assert server.sent() == {"act": act, "reason": "it bills twice"}
