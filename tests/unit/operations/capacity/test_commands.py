from datetime import UTC, datetime

import pytest

from ragkeeper.cli.app import command_group
from ragkeeper.operations.capacity.commands import capacity_commands
from ragkeeper.operations.capacity.models import Report
from ragkeeper.operations.capacity.schemas import CapacityView
from tests.unit.cli.server import FakeServer, runner

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def answer(missing: int) -> dict:
    return CapacityView.of(Report(NOW.date(), 14 - missing, missing, 90), NOW).model_dump(mode="json")


@pytest.fixture
def server():
    return FakeServer({"GET /admin/capacity": answer(0)})


@pytest.fixture
def run(server, capsys):
    app = command_group()
    app.add_typer(capacity_commands(server.connect))
    return runner(app, capsys)


def test_a_report_without_anything_to_do_ends_well(server, run, tmp_path):
    done = run("capacity", "report", "--html", str(tmp_path / "x.html"))
    assert (done.code, done.out.splitlines()[-1]) == (0, "- No immediate scaling required")
    assert "Capacity report" in (tmp_path / "x.html").read_text(encoding="utf-8")
    assert run("capacity", "report", "--json").json == answer(0)


def test_too_little_history_is_a_problem_and_says_how_little(server, run, tmp_path):
    server.answers["GET /admin/capacity"] = answer(12)
    done = run("capacity", "report", "--html", str(tmp_path / "x.html"))
    assert done.code == 1
    assert "2 whole days are known, 14 are needed; 12 are missing" in done.out
    assert not (tmp_path / "x.html").exists()


def test_something_to_do_is_a_problem(server, run):
    found = answer(0)
    found["recommendations"] = [{"type": "CPU", "action": "Scale up", "reason": "x", "urgency": "high"}]
    server.answers["GET /admin/capacity"] = found
    assert run("capacity", "report").code == 1


def test_a_file_that_cannot_be_written_is_misuse(run, tmp_path):
    done = run("capacity", "report", "--html", str(tmp_path / "none" / "x.html"))
    assert (done.code, "report_not_written" in done.err) == (2, True)
