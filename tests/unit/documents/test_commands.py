import httpx
import pytest

from ragkeeper.documents.commands import document_commands
from tests.unit.cli.server import FakeServer, document, problem, runner

RECEIPT = {
    "id": "r1",
    "deleted_at": "2026-01-02T03:04:05Z",
    "deleted_by": "local",
    "versions": 2,
    "chunks": 7,
    "originals_removed": 2,
    "documents": 1,
    "sample": [{"document_id": "d1", "collection": "default", "name": "d1.md", "versions": 2, "chunks": 7}],
}
CHUNK = {"ordinal": 0, "page": 2, "tokens": 9, "text": "Some  text.", "id": 1}


@pytest.fixture
def server():
    return FakeServer(
        {
            "GET /api/v1/documents": {"items": [document()], "next_cursor": None},
            "GET /api/v1/documents/d1": document(),
            "GET /api/v1/documents/gone": problem(404, "document_unknown"),
            "GET /api/v1/documents/d1/content": {"title": "T", "text": "All of it."},
            "GET /api/v1/documents/d1/chunks": {"items": [CHUNK], "next_cursor": None},
            "POST /api/v1/documents/delete": {
                "documents": 1,
                "planned_at": "2026-01-02T03:04:05Z",
                "sample": [{"id": "d1", "collection": "default", "name": "d1.md", "title": "Title of d1"}],
                "unknown": [],
                "receipt": RECEIPT,
            },
            "GET /api/v1/deletions": {"items": [RECEIPT], "next_cursor": None},
            "POST /api/v1/documents/d1/retry": {"id": "d1", "status": "accepted"},
            "GET /api/v1/collections": [{"name": "default", "created_at": "2026-01-02T03:04:05", "description": ""}],
            "POST /api/v1/collections": {"name": "contracts"},
        }
    )


@pytest.fixture
def run(server, capsys):
    return runner(document_commands(server.connect), capsys)


def test_the_list_shows_state_and_failures(server, run):
    failed = document("d2", "failed", version={"error": {"code": "no_text", "message": "No text.", "fix": "OCR."}})
    server.answers["GET /api/v1/documents"] = {"items": [document(), failed], "next_cursor": None}
    done = run("list", "--status", "failed", "-c", "default")
    assert done.code == 0
    assert server.asked() == "GET /api/v1/documents?collection=default&status=failed&limit=100"
    assert [line.split()[:2] for line in done.out.splitlines()] == [["id", "status"], ["d1", "ready"], ["d2", "failed"]]
    assert "no_text: No text." in done.out


def test_long_lists_come_from_several_pages(server, run):
    pages = {
        None: {"items": [document(f"a{n}") for n in range(500)], "next_cursor": "A"},
        "A": {"items": [document(f"b{n}") for n in range(100)], "next_cursor": "B"},
    }
    server.answers["GET /api/v1/documents"] = lambda request: _json(pages[request.url.params.get("cursor")])
    found = run("list", "--limit", "600", "--json").json
    assert len(found["items"]) == 600
    assert found["next_cursor"] == "B"
    assert [request.url.params["limit"] for request in server.requests] == ["500", "100"]


def _json(content):
    return httpx.Response(200, json=content)


def test_a_list_says_how_to_go_on(server, run):
    server.answers["GET /api/v1/documents"] = {"items": [document()], "next_cursor": "XY"}
    done = run("list", "--limit", "1")
    assert "--cursor XY" in done.err
    assert "XY" not in done.out


def test_misuse_is_refused_before_the_server_is_asked(server, run):
    for arguments in (["list", "--status", "nope"], ["list", "--limit", "0"], ["show"]):
        assert run(*arguments).code == 2
    assert server.requests == []


def test_json_is_the_servers_own_object(server, run):
    for command, path in {
        "list": "GET /api/v1/documents",
        "show d1": "GET /api/v1/documents/d1",
        "content d1": "GET /api/v1/documents/d1/content",
        "chunks d1": "GET /api/v1/documents/d1/chunks",
        "retry d1": "POST /api/v1/documents/d1/retry",
        "delete d1 --yes": "POST /api/v1/documents/delete",
        "collections": "GET /api/v1/collections",
        "create-collection contracts": "POST /api/v1/collections",
    }.items():
        assert run(*command.split(), "--json").json == server.answers[path]


def test_people_read_the_same_things(run):
    assert "version.number" in run("show", "d1").out
    assert run("content", "d1").out == "All of it.\n"
    assert "Some text." in run("chunks", "d1").out
    assert "Queued again: d1" in run("retry", "d1").out
    assert "2026-01-02" in run("collections").out
    assert "contracts" in run("create-collection", "contracts").out


def test_an_unknown_document_is_misuse(run):
    done = run("show", "gone")
    assert done.code == 2
    assert "[document_unknown]" in done.err


def test_deleting_needs_a_yes(server, run):
    done = run("delete", "d1")
    assert done.code == 2
    assert "[confirmation_needed]" in done.err
    assert server.sent() == {"ids": ["d1"], "dry_run": True}


def test_a_dry_run_says_what_would_go_and_changes_nothing(server, run):
    done = run("delete", "d1", "--dry-run")
    assert done.code == 0
    assert "Would delete “Title of d1”" in done.out
    assert run("delete", "d1", "--dry-run", "--json").json["sample"][0]["id"] == "d1"
    assert server.sent() == {"ids": ["d1"], "dry_run": True}


def test_conditions_are_sent_as_a_filter(server, run):
    run("delete", "-c", "old", "--name-prefix", "2019/", "--added-before", "2026-01-01", "-m", "n=1", "--yes")
    assert server.sent() == {
        "ids": [],
        "filter": {
            "collection": "old",
            "name_prefix": "2019/",
            "added_before": "2026-01-01T00:00:00",
            "metadata": {"n": 1},
        },
    }


def test_what_is_added_after_the_question_is_not_deleted(server, run):
    run("delete", "-c", "old", "--yes")
    assert server.sent() == {"ids": [], "filter": {"collection": "old", "added_before": "2026-01-02T03:04:05Z"}}


def test_an_empty_condition_is_sent_and_not_dropped(server, run):
    run("delete", "-c", "old", "--name-prefix", "", "--dry-run")
    assert server.sent()["filter"] == {"collection": "old", "name_prefix": ""}


def test_receipts_are_listed(server, run):
    done = run("receipts", "--document", "d1")
    assert server.asked() == "GET /api/v1/deletions?document_id=d1&limit=100"
    assert done.out.splitlines()[1].split() == ["r1", "2026-01-02T03:04:05", "local", "1", "d1.md"]


def test_a_deletion_ends_with_its_receipt(run):
    done = run("delete", "d1", "--yes")
    assert done.code == 0
    assert "2 versions, 7 chunks, 2 originals" in done.out


def test_a_collection_gets_its_description(server, run):
    run("create-collection", "contracts", "--description", "Signed ones.")
    assert server.sent() == {"name": "contracts", "description": "Signed ones."}
