"""What a server writes into its log, and what it does not."""

import json
import sqlite3
from pathlib import Path

import httpx
import pytest

from tests.acceptance.server import Server, add_text, serving, wait_for, wait_until_ready

TEXT = "The heliotrope lantern of Quellmoor is lit at nine."
QUESTION = "When is the heliotrope lantern lit?"
KEY = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
MODEL_KEY = "model-key-3141592653"
REDIS_PASSWORD = "pw-of-redis-2718281828"  # noqa: S105 - planted, to be looked for
SETTINGS = {
    "API_KEY": KEY,
    "RAG_LOG_LEVEL": "debug",
    "RAG_LLM_PROVIDERS": "gone",
    "RAG_LLM_GONE_BASE_URL": "http://127.0.0.1:9/v1",
    "RAG_LLM_GONE_MODEL": "m",
    "RAG_LLM_GONE_API_KEY": MODEL_KEY,
    "REDIS_URL": f"redis://user:{REDIS_PASSWORD}@127.0.0.1:9/1",
}


def records(server: Server) -> list[dict[str, object]]:
    return [json.loads(line) for line in (server.folder / "data/logs/ragkeeper.log").read_text().splitlines()]


def use(server: Server) -> None:
    """Everything that may go wrong with a document and a question, and something that does not."""
    wait_until_ready(server, [add_text(server, "Quellmoor", TEXT)])
    server.http.post("/chat", json={"message": QUESTION})
    server.http.get("/api/v1/search", params={"query": QUESTION, "token": "abcdefgh-in-a-query"})
    server.stranger.get("/api/v1/documents", headers={"Authorization": "Bearer not-the-key-but-secret"})
    server.http.post("/api/v1/documents", json={"text": TEXT, "metadata": {"deep": {"er": TEXT}}})
    with sqlite3.connect(server.folder / "data/ragkeeper.db") as truth:
        truth.execute("ALTER TABLE chunks RENAME TO misplaced")
    server.http.post("/api/v1/documents", json={"name": "next", "text": TEXT + " Always."})
    wait_for(lambda: any(record["event"] == "loop_failed" for record in records(server)))
    answer = server.http.get("/api/v1/search", params={"query": QUESTION}, headers={"X-Request-Id": "find-me"})
    assert answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR


@pytest.mark.timeout(120)
def test_no_line_holds_a_secret_or_what_documents_and_people_say(tmp_path: Path):
    with serving(tmp_path, SETTINGS) as server:
        use(server)
        wait_for(lambda: any(record["event"] == "request_crashed" for record in records(server)))
        both = server.log + (tmp_path / "data/logs/ragkeeper.log").read_text()
    planted = (KEY, MODEL_KEY, REDIS_PASSWORD, "abcdefgh-in-a-query", "not-the-key-but-secret", "heliotrope", "lantern")
    assert [word for word in planted if word in both] == []


@pytest.mark.timeout(120)
def test_every_line_of_a_request_has_its_id(tmp_path: Path):
    with serving(tmp_path, SETTINGS) as server:
        use(server)
        wait_for(lambda: any(record["event"] == "request_crashed" for record in records(server)))
        found = records(server)
    assert all({"event", "level", "timestamp"} <= set(record) for record in found)
    of_requests = [record for record in found if record["event"] in {"request", "request_failed", "request_crashed"}]
    assert all(record["request_id"] for record in of_requests)
    assert {"request", "request_crashed"} <= {
        record["event"] for record in found if record.get("request_id") == "find-me"
    }
    assert {record["event"] for record in found if record.get("code") == "uvicorn"} == set()


@pytest.mark.timeout(120)
def test_each_document_that_ends_has_its_line(tmp_path: Path):
    with serving(tmp_path) as server:
        good = server.http.post("/api/v1/documents", json={"text": TEXT}).json()
        bad = server.http.post("/api/v1/documents", files={"file": ("cut.pdf", b"%PDF-1.4 cut")}).json()
        wait_until_ready(server, [good["id"]])
        wait_until_ready(server, [bad["id"]], "failed")
        wait_for(lambda: len(ends(server)) == 2)
        assert ends(server) == {good["job_id"]: ("job_completed", None), bad["job_id"]: ("job_failed", "file_damaged")}


def ends(server: Server) -> dict[object, tuple[object, object]]:
    found = [record for record in records(server) if record["event"] in {"job_completed", "job_failed"}]
    assert all(isinstance(record["seconds"], float) for record in found)
    return {record["job"]: (record["event"], record.get("code")) for record in found}


@pytest.mark.timeout(120)
def test_a_log_that_cannot_be_written_breaks_no_request(tmp_path: Path):
    with serving(tmp_path) as server:
        logs = tmp_path / "data/logs"
        for file in logs.iterdir():
            file.unlink()
        logs.rmdir()
        logs.write_text("in the way")
        for _ in range(20):
            assert server.http.get("/api/v1/documents").status_code == httpx.codes.OK
        wait_for(lambda: lost(server) > 0)
        logs.unlink()
        logs.mkdir()
        wait_for(lambda: server.http.get("/health").is_success and (logs / "ragkeeper.log").exists())


def lost(server: Server) -> float:
    lines = server.http.get("/metrics").text.splitlines()
    [line] = [one for one in lines if one.startswith("rag_log_records_lost_total ")]
    return float(line.split()[1])
