"""What may pass is tried again, what cannot is not, and one file's trouble is nobody else's."""

import os
import signal
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from bench.processes import descendants
from ragkeeper.core.settings import Settings
from tests.acceptance.background import in_background
from tests.acceptance.server import Server, add_text, serving, wait_for, wait_until_ready
from tests.contract.embedding.standin import Reply, StandIn
from tests.machine import require_data

_JOBS = "/api/v1/jobs"
_SLOW = "docugami-sec10q/pdf/2022 Q3 INTC.pdf"
_ENCRYPTED = "files/hostile-pdf/unstructured__password.pdf"


def kill_readers(server: Server) -> None:
    """What a file does that brings its reader down."""
    for child in descendants(server.process.pid):
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def test_g4_052_only_what_may_pass_is_tried_again(tmp_path: Path) -> None:
    assert Settings().retry_seconds == 60, "the guides' first wait"
    with in_background(StandIn()) as standin:
        settings = {
            "RAG_EMBEDDING_MODEL": "openai:m",
            "RAG_EMBEDDING_BASE_URL": standin.base_url,
            "RAG_RETRY_SECONDS": "1",
        }
        with serving(tmp_path, settings) as server:
            _an_endpoint_that_fails_twice(server, standin)
            _a_file_that_brings_its_reader_down(server)
            _a_file_that_nobody_can_read(server)


def _an_endpoint_that_fails_twice(server: Server, standin: StandIn) -> None:
    standin.replies = [Reply(503), Reply(503)]
    document = add_text(server, "Birds", "The zyxbird sings at night.")
    wait_until_ready(server, [document])
    assert standin.replies == [], "it did not fail"
    chunks = server.http.get(f"/api/v1/documents/{document}/chunks").json()["items"]
    assert [chunk["text"] for chunk in chunks] == ["The zyxbird sings at night."]


def _a_file_that_brings_its_reader_down(server: Server) -> None:
    with require_data(_SLOW).open("rb") as content:
        poison = server.http.post("/api/v1/documents", files={"file": ("poison.pdf", content)}).json()
    job = f"{_JOBS}/{poison['job_id']}"

    def state() -> str:
        return str(server.http.get(job).json()["state"])

    def killed_until(expected: str) -> bool:
        if state() == "running":
            kill_readers(server)
        return state() == expected

    wait_for(lambda: killed_until("waiting"))
    waiting = server.http.get(job).json()
    assert waiting["until"]
    assert waiting["reason"]
    wait_until_ready(server, [add_text(server, "Neighbour", "A neighbour that is fine.")])

    wait_for(lambda: killed_until("failed"))
    history = server.http.get(f"{job}/history").json()
    errors = [attempt["error"] for attempt in history["attempts"]]
    # A reader that is killed before it has begun with the file is told as one that could not be started.
    assert len(errors) == 4
    assert set(errors) <= {"parser_crashed", "parser_unavailable"}
    waits = [
        datetime.fromisoformat(after["began_at"]) - datetime.fromisoformat(before["ended_at"])
        for before, after in pairwise(history["attempts"])
    ]
    # Jitter is a fifth either way; a busy machine adds to it.
    for wait, expected in zip(waits, (1, 2, 4), strict=True):
        assert 0.8 * expected <= wait.total_seconds() <= 1.2 * expected + 10
    listed = server.http.get(_JOBS, params={"state": "failed"}).json()["items"]
    assert [(one["id"], one["error"]["code"]) for one in listed] == [(poison["job_id"], errors[-1])]


def _a_file_that_nobody_can_read(server: Server) -> None:
    with require_data(_ENCRYPTED).open("rb") as content:
        sent = server.http.post("/api/v1/documents", files={"file": ("locked.pdf", content)}).json()
    job = f"{_JOBS}/{sent['job_id']}"
    wait_for(lambda: server.http.get(job).json()["state"] == "failed")
    assert server.http.get(job).json()["error"]["code"] == "file_encrypted"
    assert len(server.http.get(f"{job}/history").json()["attempts"]) == 1
