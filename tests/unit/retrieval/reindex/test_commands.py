import json
from pathlib import Path

import pytest

from ragkeeper.cli.app import command_group
from ragkeeper.retrieval.inspection.commands import add_index_doctor
from ragkeeper.retrieval.reindex.commands import add_reindex_command
from tests.unit.cli.server import FakeServer, problem, runner

ESTIMATE = {"model": "x", "chunks": 9, "to_embed": 9, "per_second": 3.0, "seconds": 3.0, "megabytes": 1.0}
STATE = {"serving": {"generation": "g"}, "previous": None}
JOB = {
    "id": "j",
    "state": "done",
    "code": None,
    "message": None,
    "fix": None,
    "progress": None,
    "result": {"chunks": 9},
}
FINDING = {
    "kind": "orphans",
    "count": 2,
    "examples": ["1", "2"],
    "message": "chunks",
    "fix": "Run it with --fix.",
    "repairable": True,
}
CHECKED = {"ok": True, "counts": {"chunks": 9}, "findings": [], "waiting_changes": 0, "seconds": 0.1}


@pytest.fixture
def server():
    return FakeServer(
        {
            "POST /api/v1/index/rebuild": {"job_id": "j", "estimate": ESTIMATE},
            "GET /api/v1/index/jobs/j": JOB,
            "GET /api/v1/index": STATE,
            "POST /api/v1/index/rollback": STATE,
            "POST /api/v1/index/finish": STATE,
            "POST /api/v1/index/cancel": {"cancelled": True},
            "POST /api/v1/index/check": CHECKED,
            "POST /api/v1/index/repair": {"job_id": "j"},
        }
    )


@pytest.fixture
def run(server, capsys):
    app = command_group()
    add_reindex_command(app, server.connect)
    add_index_doctor(app, server.connect)
    return runner(app, capsys)


def paths(server: FakeServer) -> list[str]:
    return [f"{request.method} {request.url.path}" for request in server.requests]


def test_a_rebuild_is_waited_for(server, run):
    assert run("reindex", "--json").json == JOB
    assert paths(server)[-1] == "GET /api/v1/index/jobs/j"


def test_without_waiting_the_jobs_id_is_shown(server, run):
    assert run("reindex", "--no-wait", "--json").json["job_id"] == "j"


def test_a_dry_run_only_asks(server, run):
    run("reindex", "--embedding-model", "openai:x", "--dry-run")
    assert [json.loads(request.content)["dry_run"] for request in server.requests] == [True]


def test_another_model_is_agreed_to_first(server, run):
    assert run("reindex", "--embedding-model", "openai:x").code == 2
    assert len(server.requests) == 1
    done = run("reindex", "--embedding-model", "openai:x", "--yes", "--min-overlap", "0.7")
    assert "9 chunks to embed at 3/s" in done.err
    assert json.loads(server.requests[2].content)["min_overlap"] == 0.7


@pytest.mark.parametrize("act", ["rollback", "cancel"])
def test_acts_reach_the_server(server, run, act):
    assert run("reindex", f"--{act}").code == 0
    assert paths(server) == [f"POST /api/v1/index/{act}"]


def test_giving_up_the_kept_index_asks(server, run):
    assert run("reindex", "--finish").code == 2
    assert run("reindex", "--finish", "--yes").code == 0
    assert paths(server) == ["POST /api/v1/index/finish"]


@pytest.mark.parametrize("options", [["--rollback", "--finish"], ["--status", "--dry-run"]])
def test_two_things_at_once_are_misuse(server, run, options):
    assert run("reindex", *options).code == 2
    assert server.requests == []


def test_a_refused_model_is_a_problem_found_and_a_failed_job_could_not_run(server, run):
    failed = {**JOB, "state": "failed", "message": "No.", "fix": "Do this."}
    server.answers["GET /api/v1/index/jobs/j"] = {**failed, "code": "embedding_change_refused"}
    assert run("reindex").code == 1
    server.answers["GET /api/v1/index/jobs/j"] = {**failed, "code": "index_build_failed"}
    done = run("reindex")
    assert (done.code, "Do this." in done.err) == (3, True)


def test_judged_questions_are_sent(server, run, tmp_path: Path):
    (tmp_path / "queries.jsonl").write_text('{"_id": "1", "text": "How?"}\n{"_id": "2", "text": "Unjudged?"}\n')
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n1\ta.md\t2\n1\tb.md\t0\n9\ta.md\t1\n")
    run("reindex", "--embedding-model", "openai:x", "--yes", "--golden", str(tmp_path))
    assert json.loads(server.requests[1].content)["golden"] == [{"query": "How?", "grades": {"a.md": 2, "b.md": 0}}]
    assert run("reindex", "--golden", str(tmp_path / "missing")).code == 2


def test_a_sound_index_exits_0_and_findings_1(server, run):
    assert (run("index").code, run("index", "--json").json) == (0, CHECKED)
    server.answers["POST /api/v1/index/check"] = {**CHECKED, "ok": False, "findings": [FINDING]}
    done = run("index", "--deep", "--examples", "2")
    assert done.code == 1
    assert "orphans" in done.out
    assert "Run it with --fix." in done.err
    assert json.loads(server.requests[-1].content) == {"deep": True, "examples": 2}


def test_a_repair_is_followed_by_another_look(server, run):
    server.answers["POST /api/v1/index/check"] = {**CHECKED, "ok": False, "findings": [FINDING]}
    assert run("index", "--fix").code == 1
    assert paths(server).count("POST /api/v1/index/check") == 2
    assert "POST /api/v1/index/repair" in paths(server)


def test_what_cannot_be_mended_is_not_tried(server, run):
    found = {**CHECKED, "ok": False, "findings": [{**FINDING, "repairable": False}]}
    server.answers["POST /api/v1/index/check"] = found
    assert run("index", "--fix").code == 1
    assert paths(server) == ["POST /api/v1/index/check"]


def test_a_refusal_of_the_server_is_shown(server, run):
    server.answers["POST /api/v1/index/rollback"] = problem(409, "index_nothing_kept", "No earlier index is kept.")
    done = run("reindex", "--rollback")
    assert (done.code, "[index_nothing_kept]" in done.err) == (2, True)
