import pytest

from ragkeeper.ingestion.progress.commands import job_commands
from tests.unit.cli.server import FakeServer, problem, runner


def job(**facts):
    known = {
        "id": "j1",
        "kind": "document",
        "document_id": "d1",
        "name": "a.pdf",
        "collection": "default",
        "state": "done",
        "current": 100,
        "total": 100,
        "message": "Processing complete",
        "reason": "",
        "position": None,
        "until": None,
        "attempts": 1,
        "error": None,
        "created_at": "2026-01-02T03:04:05Z",
        "searchable_at": "2026-01-02T03:04:06Z",
        "finished_at": "2026-01-02T03:04:07Z",
    }
    return known | facts


FAILED = job(
    id="j2",
    state="failed",
    current=0,
    reason="No text.",
    error={"code": "no_text", "message": "No text.", "fix": "Use OCR."},
    searchable_at=None,
    finished_at=None,
)


@pytest.fixture
def server():
    attempt = {"began_at": "2026-01-02T03:04:05Z", "ended_at": "2026-01-02T03:04:06Z", "seconds": 1.5}
    return FakeServer(
        {
            "GET /api/v1/jobs": {"items": [job(), FAILED], "next_cursor": "XY"},
            "GET /api/v1/jobs/j1": job(),
            "GET /api/v1/jobs/j2": FAILED,
            "GET /api/v1/jobs/gone": problem(404, "job_unknown"),
            "GET /api/v1/jobs/j2/history": {
                "job": FAILED,
                "attempts": [{**attempt, "error": "no_text", "message": "No text."}],
                "interrupted": 2,
            },
            "POST /api/v1/jobs/j1/cancel": job(state="cancelled"),
            "POST /api/v1/jobs/j2/retry": job(id="j2", state="queued"),
            "POST /api/v1/jobs/retry": {"retried": 3},
            "POST /api/v1/jobs/pause": {"paused": True},
            "POST /api/v1/jobs/resume": {"paused": False},
        }
    )


@pytest.fixture
def run(server, capsys):
    return runner(job_commands(server.connect), capsys)


def test_the_list_says_what_to_do_about_failures(server, run):
    done = run("list", "--state", "failed", "-c", "default")
    assert server.asked() == "GET /api/v1/jobs?state=failed&collection=default&limit=100"
    assert "No text. Use OCR." in done.out
    assert "--cursor XY" in done.err


def test_the_story_names_attempts_interruptions_and_the_way_out(run):
    told = run("why", "j2").out
    assert "attempt 1, 1.5 s: failed with no_text: No text." in told
    assert "2 attempts were cut off" in told
    assert "What to do: Use OCR." in told


@pytest.mark.parametrize(("job_id", "code"), [("j1", 0), ("j2", 1), ("gone", 2)])
def test_watching_ends_with_the_job(run, job_id, code):
    assert run("watch", job_id).code == code


def test_cancelling_asks_first(server, run):
    assert "[confirmation_needed]" in run("cancel", "j1").err
    assert server.requests == []
    assert "Cancelled: a.pdf" in run("cancel", "j1", "--yes").out


def test_one_job_or_all_of_a_code_are_tried_again(server, run):
    assert "a.pdf" in run("retry", "j2").out
    assert "3 jobs" in run("retry", "--all", "--code", "no_text").out
    assert server.sent() == {"code": "no_text"}
    for misuse in (["retry"], ["retry", "j2", "--all"], ["retry", "--code", "no_text"]):
        assert run(*misuse).code == 2


def test_pausing_and_going_on(run):
    assert "paused" in run("pause").out
    assert "goes on" in run("resume").out


def test_json_is_the_servers_own_object(server, run):
    for command, path in {
        "list": "GET /api/v1/jobs",
        "show j1": "GET /api/v1/jobs/j1",
        "why j2": "GET /api/v1/jobs/j2/history",
        "watch j1": "GET /api/v1/jobs/j1",
        "cancel j1 --yes": "POST /api/v1/jobs/j1/cancel",
        "retry j2": "POST /api/v1/jobs/j2/retry",
        "pause": "POST /api/v1/jobs/pause",
    }.items():
        assert run(*command.split(), "--json").json == server.answers[path]
