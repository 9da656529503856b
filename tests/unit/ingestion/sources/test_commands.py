import httpx
import pytest

from ragkeeper.ingestion.sources.commands import source_commands
from tests.unit.cli.server import FakeServer, problem, runner

RUN = {
    "job_id": "j1",
    "state": "done",
    "began_at": "2026-01-02T03:04:05Z",
    "ended_at": "2026-01-02T03:05:05Z",
    "items": 5,
    "added": 1,
    "updated": 2,
    "unchanged": 1,
    "failed": 1,
    "removed": 3,
    "error": None,
}
SHRANK = {"code": "source_shrank", "message": "9 of the 10 are gone.", "fix": "Allow it."}
SOURCE = {
    "name": "my docs",
    "kind": "folder",
    "location": "/srv/docs",
    "collection": "default",
    "schedule": "0 2 * * *",
    "paused": False,
    "items": 5,
    "failed": 1,
    "last_run": RUN,
}
DETAIL = {**SOURCE, "failures": [{"key": "b.md", "code": "file_empty", "message": "It is empty.", "document_id": None}]}
PLAN = {"add": 1, "update": 0, "remove": 9, "unchanged": 1, "fail": 0, "stopped": SHRANK}
PATH = "/api/v1/sources/my%20docs"


@pytest.fixture
def server():
    return FakeServer(
        {
            "GET /api/v1/sources": [SOURCE],
            "POST /api/v1/sources": DETAIL,
            "GET /api/v1/sources/my docs": DETAIL,
            "PATCH /api/v1/sources/my docs": DETAIL,
            "DELETE /api/v1/sources/my docs": {"name": "my docs", "deleted": 0, "kept": 5},
            "POST /api/v1/sources/my docs/sync": {"job_id": "j1"},
            "POST /ingest": {"job_id": "j2", "job_ids": ["j1"]},
            "GET /api/v1/syncs/j2": {"id": "j2", "state": "done"},
        }
    )


@pytest.fixture
def run(server, capsys):
    return runner(source_commands(server.connect), capsys)


def test_the_list_shows_how_the_last_run_went(server, run):
    server.answers["GET /api/v1/sources"] = [
        SOURCE,
        {**SOURCE, "name": "new", "last_run": None, "paused": True},
        {**SOURCE, "name": "less", "last_run": {**RUN, "state": "failed", "error": SHRANK}},
    ]
    lines = run("list").out.splitlines()
    assert "done 2026-01-02T03:05" in lines[1]
    assert "paused" in lines[2]
    assert lines[2].endswith("never")
    assert "failed 2026-01-02T03:05 [source_shrank]" in lines[3]
    assert len(run("list", "--json").json) == 3


def test_one_source_is_shown_with_what_failed(server, run):
    out = run("show", "my docs").out
    assert "file_empty" in out
    assert "last_run.added" in out
    assert server.asked() == f"GET {PATH}"
    assert run("show", "my docs", "--json").json == DETAIL


def test_a_source_is_added_with_its_options(server, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(
        "add", "my docs", "folder", "docs", "-c", "hr", "--schedule", "0 2 * * *", "-o", "watch=true", "-o",
        'include=["*.md"]', "-o", "branch=main",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert server.sent() == {
        "name": "my docs",
        "kind": "folder",
        "location": str(tmp_path / "docs"),
        "collection": "hr",
        "schedule": "0 2 * * *",
        "options": {"watch": True, "include": ["*.md"], "branch": "main"},
    }
    assert "ragkeeper sources sync" in done.out
    run("add", "web", "web", "https://example.org/")
    assert server.sent()["location"] == "https://example.org/"
    assert "collection" not in server.sent()
    assert run("add", "x", "folder", "y", "-o", "watch").code == 2


def test_a_source_is_changed_paused_and_resumed(server, run):
    run("change", "my docs", "--schedule", "", "-o", "watch=null")
    assert (server.asked(), server.sent()) == (f"PATCH {PATH}", {"schedule": "", "options": {"watch": None}})
    run("pause", "my docs")
    assert server.sent() == {"paused": True}
    run("resume", "my docs")
    assert server.sent() == {"paused": False}


def test_a_run_is_started_and_waited_for(server, run):
    assert "ragkeeper sources show my docs" in run("sync", "my docs").out
    assert server.sent() == {"allow_removals": False}
    states = iter(["queued", "running", "done"])
    server.answers["GET /api/v1/sources/my docs"] = lambda _: httpx.Response(
        200, json={**DETAIL, "last_run": {**RUN, "state": next(states)}}
    )
    done = run("sync", "my docs", "--wait")
    assert done.code == 0
    assert "done; 1 added, 2 updated, 3 removed, 1 unchanged, 1 failed." in done.out


def test_a_run_that_failed_is_told_with_what_to_do(server, run):
    server.answers["GET /api/v1/sources/my docs"] = {**DETAIL, "last_run": {**RUN, "state": "failed", "error": SHRANK}}
    done = run("sync", "my docs", "--wait")
    assert done.code == 1
    assert "[source_shrank] 9 of the 10 are gone. Allow it." in done.out
    assert run("sync", "my docs", "--wait", "--json").json["error"] == SHRANK


def test_removals_are_allowed_only_when_they_are_meant(server, run):
    assert run("sync", "my docs", "--allow-removals").code == 2
    assert server.requests == []
    assert run("sync", "my docs", "--allow-removals", "--yes").code == 0
    assert server.sent() == {"allow_removals": True}


def test_a_dry_run_lists_what_would_happen(server, run):
    plan = {**PLAN, "changes": [{"key": "a.md", "change": "add"}]}
    server.answers["POST /api/v1/sources/my docs/sync"] = plan
    done = run("sync", "my docs", "--dry-run")
    assert server.sent() == {"dry_run": True}
    assert "Would add 1, update 0, remove 9" in done.out
    assert "add     a.md" in done.out
    assert "9 of the 10 are gone." in done.err
    assert run("sync", "my docs", "--dry-run", "--json").json == plan


def test_all_sources_are_read_again(server, run):
    assert "Started 1 synchronisation. " in run("sync", "--all").out
    assert "my docs: done" in run("sync", "--all", "--wait").out
    server.answers["GET /api/v1/sources"] = [{**SOURCE, "last_run": {**RUN, "state": "cancelled"}}]
    assert run("sync", "--all", "--wait").code == 1
    for wrong in ((), ("my docs", "--all"), ("--all", "--dry-run")):
        assert run("sync", *wrong).code == 2
    server.answers["POST /ingest"] = {"job_id": "j", "job_ids": []}
    assert run("sync", "--all").out.strip() == "There is no source to synchronise."


def test_removing_says_what_becomes_of_the_documents_and_asks(server, run):
    assert run("remove", "my docs").code == 2
    assert server.asked() == f"DELETE {PATH}?documents=keep&dry_run=true"
    done = run("remove", "my docs", "--yes")
    assert server.asked() == f"DELETE {PATH}?documents=keep"
    assert "its 5 documents stay" in done.out
    server.answers["DELETE /api/v1/sources/my docs"] = {"name": "my docs", "deleted": 5, "kept": 0}
    before = len(server.requests)
    assert (
        "Would remove the source my docs and 5 documents, for good."
        in run("remove", "my docs", "--documents", "--dry-run").out
    )
    assert [server.asked(n) for n in range(before, len(server.requests))] == [
        f"DELETE {PATH}?documents=delete&dry_run=true"
    ]
    assert run("remove", "my docs", "--documents", "--yes", "--json").json["deleted"] == 5


def test_what_is_not_there_is_misuse(server, run):
    server.answers["GET /api/v1/sources/none"] = problem(404, "source_unknown")
    assert run("show", "none").code == 2
