import io
from contextlib import redirect_stdout

import pytest

from ragkeeper.cli.app import command_group
from ragkeeper.cli.app import run as run_app
from ragkeeper.conversations.commands import add_chat_commands
from tests.unit.cli.server import FakeServer, problem, runner, stream

ANSWER = {
    "answer": "80 days [1].",
    "citations": [{"marker": 1, "title": "Handbook", "page": 4, "quote": "80 working\ndays"}],
    "refused": False,
    "hints": [],
    "notes": ["Without a model."],
    "cached": False,
    "cached_seconds": None,
    "conversation_id": "c1",
}
REFUSAL = {
    **ANSWER,
    "answer": "Not found in your documents.",
    "citations": [],
    "refused": True,
    "hints": [{"title": "Minutes", "page": None, "text": "Something\nnear."}],
}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def server():
    streamed = stream(
        ("status", {"stage": "retrieving", "detail": None}),
        ("token", {"text": "80 days "}),
        ("token", {"text": "[1]."}),
        ("citations", ANSWER["citations"]),
        ("done", ANSWER),
    )
    return FakeServer({"POST /chat": ANSWER, "POST /chat/stream": streamed})


@pytest.fixture
def app(server):
    app = command_group()
    add_chat_commands(app, server.connect)
    app.command("other")(lambda: None)
    return app


@pytest.fixture
def run(app, capsys):
    return runner(app, capsys)


def test_an_answer_stands_above_its_numbered_citations(server, run):
    done = run("ask", "How many?", "-c", "hr", "--conversation", "c1")
    assert done.code == 0
    assert done.out == "80 days [1].\n\n[1] Handbook, page 4\n    “80 working days”\n"
    assert done.err == "Without a model.\n"
    assert server.asked() == "POST /chat"
    assert server.sent() == {"message": "How many?", "collection": "hr", "conversation_id": "c1"}


def test_quotes_of_one_place_stand_below_it_together(server, run):
    first, second = ANSWER["citations"][0], {**ANSWER["citations"][0], "quote": "for each child"}
    other = {**first, "marker": 2, "page": None}
    server.answers["POST /chat"] = {**ANSWER, "citations": [first, second, other]}
    shown = run("ask", "How many?").out.partition("\n")[2]
    assert shown == (
        "\n[1] Handbook, page 4\n    “80 working days”\n    “for each child”\n\n[2] Handbook\n    “80 working days”\n"
    )


@pytest.mark.parametrize("how", ["--stream", "--no-stream"])
def test_an_answer_that_is_given_again_says_so(how, server, run):
    given = {**ANSWER, "cached": True, "cached_seconds": 62.4}
    server.answers["POST /chat"] = given
    server.answers["POST /chat/stream"] = stream(("token", {"text": "80 days [1]."}), ("done", given))
    assert "given again: made for an equal question 62 s ago" in run("ask", "How many?", how).err


def test_a_stream_shows_the_same_text(server, run):
    assert run("ask", "How many?", "--stream").out == run("ask", "How many?").out
    assert [server.asked(0), server.asked(1)] == ["POST /chat/stream", "POST /chat"]


def test_a_terminal_gets_the_stream_unless_told_otherwise(server, app):
    for arguments, path in ((["ask", "q"], "/chat/stream"), (["ask", "q", "--no-stream"], "/chat")):
        with redirect_stdout(Terminal()):
            assert run_app(app, arguments) == 0
        assert server.asked() == f"POST {path}"


def test_json_is_the_servers_own_object(server, run):
    assert run("ask", "How many?", "--json", "--stream").json == ANSWER
    assert server.asked() == "POST /chat"


def test_a_refusal_shows_what_is_near_and_is_a_problem(server, run):
    server.answers["POST /chat"] = REFUSAL
    done = run("ask", "Why?")
    assert done.code == 1
    assert "Not found in your documents." in done.out
    assert "- Minutes: Something near." in done.out
    refused = run("ask", "Why?", "--json")
    assert refused.code == 1
    assert refused.json == REFUSAL


def test_an_error_in_the_stream_ends_the_command(server, run):
    slow = {"code": "TIMEOUT", "status": 504, "detail": "Not finished in time.", "fix": "Ask for less."}
    server.answers["POST /chat/stream"] = stream(("token", {"text": "80"}), ("error", slow))
    done = run("ask", "q", "--stream")
    assert done.code == 3
    assert "error: Not finished in time. [TIMEOUT]" in done.err


def test_a_stream_that_breaks_off_is_an_error(server, run):
    server.answers["POST /chat/stream"] = stream(("token", {"text": "80"}))
    done = run("ask", "q", "--stream")
    assert done.code == 3
    assert "[stream_incomplete]" in done.err


def test_an_empty_question_is_the_servers_to_refuse(server, run):
    server.answers["POST /chat"] = problem(400, "query_empty", "The question is empty.")
    done = run("ask", "")
    assert done.code == 2
    assert "[query_empty]" in done.err
