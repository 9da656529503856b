import pytest
import typer

from ragkeeper.cli.app import command_group
from ragkeeper.cli.errors import CommandFailed, ServerNotRunning
from tests.unit.cli.server import runner


@pytest.fixture
def run(capsys):
    app = command_group()

    @app.command()
    def fail(how: str, json: bool = False, debug: bool = False) -> None:
        raise {
            "ours": ServerNotRunning(path="/data"),
            "server": CommandFailed({"code": "document_unknown", "status": 404, "detail": "No.", "fix": "List."}),
            "bug": ZeroDivisionError("by zero"),
            "stop": KeyboardInterrupt(),
            "problem": typer.Exit(1),
        }[how]

    @app.command()
    def fine() -> None:
        pass

    return runner(app, capsys)


def test_our_errors_end_in_a_line_a_fix_and_no_stack(run):
    done = run("fail", "ours")
    assert done.code == 3
    assert done.out == ""
    line, fix = done.err.splitlines()
    assert line == "error: No server runs on the data folder /data. [server_not_running]"
    assert "ragkeeper serve" in fix


def test_with_json_the_problem_is_the_result(run):
    done = run("fail", "ours", "--json")
    assert done.json["code"] == "server_not_running"
    assert done.json["status"] == 503
    assert "[server_not_running]" in done.err
    assert run("fail", "server", "--json").json == {
        "code": "document_unknown",
        "status": 404,
        "detail": "No.",
        "fix": "List.",
    }


def test_problems_of_the_server_keep_their_code(run):
    done = run("fail", "server")
    assert done.code == 2
    assert "error: No. [document_unknown]" in done.err


def test_a_bug_is_a_sentence_and_a_stack_only_on_request(run):
    done = run("fail", "bug")
    assert done.code == 3
    assert "ZeroDivisionError: by zero" in done.err
    assert "Traceback" not in done.err
    assert "Traceback" in run("fail", "bug", "--debug").err


def test_interruption_is_counted_as_shells_do(run):
    done = run("fail", "stop")
    assert done.code == 130
    assert "Traceback" not in done.err


def test_misuse_is_two_and_says_how(run):
    for arguments in (["fail"], ["nope"], ["fine", "--nope"]):
        done = run(*arguments)
        assert done.code == 2
        assert "Usage:" in done.err
        assert done.out == ""


def test_exit_codes_of_commands_pass_through(run):
    assert run("fail", "problem").code == 1
    assert run("fine").code == 0
