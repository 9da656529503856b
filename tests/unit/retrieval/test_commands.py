import pytest

from ragkeeper.cli.app import command_group
from ragkeeper.retrieval.commands import add_search_commands, excerpt
from tests.unit.cli.server import FakeServer, problem, runner

HIT = {"title": "Handbook", "page": 3, "page_end": 3, "score": 0.5, "name": "h.pdf", "text": "Leave\nis 80 days."}
FOUND = {"results": [HIT], "notes": ["Without reranking."], "queries": ["q"], "cached": False}


@pytest.fixture
def server():
    return FakeServer({"POST /api/v1/search": FOUND})


@pytest.fixture
def run(server, capsys):
    app = command_group()
    add_search_commands(app, server.connect)
    app.command("other")(lambda: None)
    return runner(app, capsys)


def test_every_option_reaches_the_server(server, run):
    assert run("search", "x y", "--mode", "lexical", "-k", "3", "-c", "hr", "-m", "year=2024", "-m", "by=me").code == 0
    assert server.sent() == {
        "query": "x y",
        "mode": "lexical",
        "top_k": 3,
        "collection": "hr",
        "metadata": {"year": 2024, "by": "me"},
    }


def test_hits_show_where_they_stand(run):
    done = run("search", "leave")
    assert done.out == "1. Handbook, page 3  [0.500]  h.pdf\n   Leave is 80 days.\n"
    assert done.err == "Without reranking.\n"


def test_hits_that_are_given_again_say_so(server, run):
    server.answers["POST /api/v1/search"] = {**FOUND, "cached": True, "cached_seconds": 8.2}
    assert "given again: found for an equal search 8 s ago" in run("search", "leave").err


@pytest.mark.parametrize(("page", "end", "shown"), [(None, None, "k  ["), (2, 2, "k, page 2  ["), (2, 4, "pages 2-4")])
def test_pages_are_named_where_there_are_any(server, run, page, end, shown):
    server.answers["POST /api/v1/search"] = {**FOUND, "results": [{**HIT, "page": page, "page_end": end}]}
    assert shown in run("search", "leave").out


def test_json_is_the_servers_own_object(run):
    assert run("search", "leave", "--json").json == FOUND


def test_nothing_found_is_said_beside_the_empty_result(server, run):
    server.answers["POST /api/v1/search"] = {**FOUND, "results": [], "notes": []}
    done = run("search", "x")
    assert (done.code, done.out, done.err) == (0, "", "Nothing was found.\n")


def test_misuse_never_reaches_the_server(server, run):
    for arguments in (["x", "--mode", "magic"], ["x", "--top-k", "0"], ["x", "-m", "noequals"], []):
        assert run("search", *arguments).code == 2
    assert server.requests == []


def test_the_servers_refusal_is_shown(server, run):
    server.answers["POST /api/v1/search"] = problem(400, "query_empty", "The question is empty.")
    done = run("search", "")
    assert done.code == 2
    assert "[query_empty]" in done.err


def test_excerpts_hold_the_words_that_were_asked_for():
    text = "word " * 200 + "the mercury kit hangs there " + "word " * 200
    assert excerpt("short text", "mercury", 100) == "short text"
    shown = excerpt(text, "Where is the mercury kit?", 100)
    assert "mercury kit hangs" in shown
    assert len(shown) <= 104
    assert shown.startswith("… ")
    assert shown.endswith(" …")


def test_excerpts_of_other_texts_are_their_beginning():
    assert excerpt("alpha " * 50, "mercury", 30) == "alpha alpha alpha alpha alpha …"
    assert excerpt("x" * 200, "mercury", 30) == "x" * 30 + " …"
