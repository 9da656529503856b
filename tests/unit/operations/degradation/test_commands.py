import pytest

from ragkeeper.cli.app import command_group
from ragkeeper.operations.degradation.commands import degrade_commands
from tests.unit.cli.server import FakeServer, runner

FULL = {"step": "full", "answers": "full", "takes_changes": True, "causes": [], "forced": None}


@pytest.fixture
def server():
    return FakeServer({f"{method} /admin/degradation": FULL for method in ("GET", "POST", "DELETE")})


@pytest.fixture
def run(server, capsys):
    app = command_group()
    app.add_typer(degrade_commands(server.connect))
    return runner(app, capsys)


def test_a_step_and_its_time_reach_the_server(server, run):
    assert run("degrade", "--to", "extractive", "--for", "10m").code == 0
    assert server.sent() == {"step": "extractive", "seconds": 600, "reason": ""}


@pytest.mark.parametrize("act", [("--auto",), ("--to", "extractive")])
def test_what_would_be_ignored_is_refused(act, server, run):
    """Who reads `status` below must not believe that the step was forced, or ended."""
    assert run("degrade", *act, "status").code == 2
    assert server.requests == []
