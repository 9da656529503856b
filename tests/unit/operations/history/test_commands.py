import pytest

from ragkeeper.cli.app import command_group
from ragkeeper.operations.history.commands import history_commands
from tests.unit.cli.server import FakeServer, runner

NEXT = "2026-11-21T12:01:15.250000Z"
KEEPING = {"written_at": None, "next_at": NEXT, "waiting": 0, "lost": 0, "trouble": ""}
NEWEST = {
    "name": "cpu",
    "unit": "percent",
    "help": "Processors at work.",
    "at": "2026-11-21T11:59:00Z",
    "value": 12.3456,
}
EMPTY = dict.fromkeys(("least", "most", "count", "p50", "p95", "p99"))
POINT = {"at": "2026-11-21T12:00:00Z", "seconds": 60.0, "value": 0.25, **EMPTY}
SERIES = {"name": "cpu", "unit": "percent", "resolution": "minute", "whole": POINT, "points": [POINT]}


@pytest.fixture
def server():
    return FakeServer(
        {"GET /admin/history": {"keeping": KEEPING, "series": [NEWEST]}, "GET /admin/history/disk:/srv": SERIES}
    )


@pytest.fixture
def run(server, capsys):
    app = command_group()
    app.add_typer(history_commands(server.connect))
    return runner(app, capsys)


def test_what_is_remembered_is_listed(server, run):
    done = run("history", "list")
    assert done.code == 0
    assert done.out.splitlines()[1].split() == ["cpu", "12.35", "percent", "Processors", "at", "work."]
    assert done.err == ""
    server.answers["GET /admin/history"]["keeping"] = {**KEEPING, "trouble": "The disk is full."}
    assert "Nothing is written at the moment: The disk is full." in run("history", "list").err
    assert run("history", "list", "--json").json["series"] == [NEWEST]


def test_a_list_without_figures_says_from_when_there_are_some(server, run):
    server.answers["GET /admin/history"]["series"] = [{**NEWEST, "at": None, "value": None}]
    told = run("history", "list").err
    assert told.splitlines() == [
        "No figures yet: each minute is written when it has ended, the next one by 12:01:15 UTC."
    ]
    server.answers["GET /admin/history"]["keeping"] = {**KEEPING, "trouble": "The disk is full."}
    assert run("history", "list").err.splitlines() == ["Nothing is written at the moment: The disk is full."]


def test_a_figure_without_a_value_among_others_says_why(server, run):
    server.answers["GET /admin/history"]["series"] = [NEWEST, {**NEWEST, "name": "errors", "value": None}]
    told = run("history", "list").err
    assert told.splitlines() == ["-: nothing of the kind was seen in the minute from 11:59:00 UTC on."]


def test_one_figure_is_shown_over_time(server, run):
    done = run("history", "show", "disk:/srv", "--hours", "2", "--every", "minute")
    assert done.out.splitlines() == ["minute            percent", "2026-11-21 12:00  0.25", "whole span: 0.25"]
    timed = {**POINT, "value": 12345.6, "p50": 0.1, "p95": 0.2, "p99": 0.3, "count": 7}
    server.answers["GET /admin/history/disk:/srv"] = {**SERIES, "points": [timed, POINT], "whole": timed}
    told = run("history", "show", "disk:/srv").out
    assert "12,346" in told
    assert told.splitlines()[-1].endswith("(p50 0.1, p95 0.2, p99 0.3)")
    assert run("history", "show", "disk:/srv", "--json").json["points"][0]["count"] == 7


def test_a_time_of_which_nothing_is_known_is_said(server, run):
    server.answers["GET /admin/history/disk:/srv"] = {**SERIES, "points": [], "whole": None}
    done = run("history", "show", "disk:/srv")
    assert (done.code, "Nothing is remembered" in done.err) == (0, True)
