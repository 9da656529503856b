"""Jobs that end, as the guides want them told: each in the log, and those that failed for good to somebody."""

import json
import platform
import time
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.guides.test_retries import kill_readers
from tests.acceptance.server import Server, serving, wait_for, wait_until_ready
from tests.integration.monitoring.stack import receiving

_JOBS = "/api/v1/jobs"


@pytest.mark.timeout(150)
def test_g4_054_each_job_is_logged_and_one_that_failed_for_good_is_told(tmp_path: Path):
    with receiving() as place:
        settings = {"RAG_ALERT_WEBHOOK_URL": place.url, "RAG_RETRY_SECONDS": "0.2"}
        with serving(tmp_path, settings) as server:
            retried = _killed_twice(server)
            good = server.http.post("/api/v1/documents", json={"text": "A bell of silver was rung in the fog."}).json()
            bad = server.http.post("/api/v1/documents", files={"file": ("cut.pdf", b"%PDF-1.4 cut")}).json()
            wait_until_ready(server, [good["id"]])
            wait_until_ready(server, [bad["id"]], "failed")
            failed_at = time.monotonic()
            wait_for(lambda: bool(place.told), 40)
            [(told_at, alert)] = place.told
            wait_until_ready(server, [retried["id"]])
            ended = _ended(server)
    assert alert["labels"] == {
        "alertname": "JobFailed",
        "instance": platform.node(),
        "severity": "high",
        "job": bad["job_id"],
        "kind": "document",
        "code": "file_damaged",
    }
    assert alert["annotations"]["summary"] == f"Job {bad['job_id']} failed"
    assert alert["annotations"]["description"] == ended[bad["job_id"]]["reason"] != ""
    assert told_at - failed_at < 35, "it is looked for four times a minute"
    assert {job: line["event"] for job, line in ended.items()} == {
        good["job_id"]: "job_completed",
        bad["job_id"]: "job_failed",
        retried["job_id"]: "job_completed",
    }
    assert all(line["seconds"] > 0 for line in ended.values())
    assert len(place.told) == 1, "an attempt that was made again was told of"


def _killed_twice(server: Server) -> dict[str, Any]:
    """A file whose reader dies two times before it is read."""
    slow = b"<html><body>" + b"<p><b></b></p>" * 100_000 + b"<p>Few words behind much else.</p></body></html>"
    sent: dict[str, Any] = server.http.post("/api/v1/documents", files={"file": ("slow.html", slow)}).json()
    job = f"{_JOBS}/{sent['job_id']}"

    def killed() -> int:
        if server.http.get(job).json()["state"] == "running":
            kill_readers(server)
        return (server.folder / "data/logs/ragkeeper.log").read_text(encoding="utf-8").count("parsing_postponed")

    wait_for(lambda: killed() >= 2)
    return sent


def _ended(server: Server) -> dict[str, dict[str, Any]]:
    lines = (server.folder / "data/logs/ragkeeper.log").read_text(encoding="utf-8").splitlines()
    found = [line for line in map(json.loads, lines) if line["event"] in {"job_completed", "job_failed"}]
    return {line["job"]: line for line in found if line["kind"] == "document"}
