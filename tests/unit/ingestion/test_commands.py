import pytest

from ragkeeper.cli.app import command_group
from ragkeeper.ingestion.commands import add_ingest_commands
from tests.unit.cli.server import FakeServer, document, problem, runner


@pytest.fixture
def server():
    accepted = {"id": "d1", "duplicate": False, "status": "accepted"}
    return FakeServer({"POST /api/v1/documents": accepted, "GET /api/v1/documents/d1": document()})


@pytest.fixture
def run(server, capsys):
    app = command_group()
    add_ingest_commands(app, server.connect)
    app.command("other")(lambda: None)
    return runner(app, capsys)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("alpha")
    return tmp_path / "docs"


def test_a_folder_is_added_and_waited_for(server, run, folder):
    done = run("ingest", str(folder))
    assert (done.code, done.out, done.err) == (0, "1 added, 0 known already, 0 failed.\n", "")
    assert server.asked() == "GET /api/v1/documents/d1"


def test_not_waiting_says_that_work_goes_on(server, run, folder):
    done = run("ingest", str(folder), "--no-wait")
    assert "1 still being read" in done.out
    assert len(server.requests) == 1


def test_failures_end_in_a_table_and_exit_code_one(server, run, folder):
    server.answers["POST /api/v1/documents"] = problem(413, "file_too_large", "Too large.", "Split it.")
    done = run("ingest", str(folder), str(folder / "nope"))
    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[0] == "0 added, 0 known already, 2 failed."
    assert lines[2].split()[:2] == ["docs/a.md", "file_too_large"]
    assert lines[2].endswith("Too large. Split it.")
    assert lines[3].split()[:2] == ["nope", "file_missing"]


def test_json_has_all_counts_and_every_failure(run, folder):
    done = run("ingest", str(folder), str(folder / "nope"), "--json")
    assert done.code == 1
    assert done.json["accepted"] == done.json["ready"] == 1
    assert done.json["duplicates"] == 0
    assert [set(item) for item in done.json["failed"]] == [{"name", "code", "message", "fix"}]


def test_pages_without_text_are_told(server, run, folder):
    warning = {"code": "page_without_text", "message": "Page 2 has no text.", "page": 2}
    server.answers["GET /api/v1/documents/d1"] = document(version={"warnings": [warning]})
    done = run("ingest", str(folder))
    assert done.code == 0
    assert "docs/a.md: Page 2 has no text." in done.err
    assert run("ingest", str(folder), "--json").json["warnings"] == [{"name": "docs/a.md", **warning}]


def test_an_empty_folder_is_worth_a_note(run, tmp_path):
    done = run("ingest", str(tmp_path))
    assert done.code == 0
    assert "No files were found" in done.err


def test_misuse_never_reaches_the_server(server, run, folder):
    assert run("ingest").code == 2
    assert run("ingest", str(folder), "-m", "x").code == 2
    assert server.requests == []
