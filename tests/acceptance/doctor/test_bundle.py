"""A support bundle holds what a helper needs, none of the planted secrets, and nothing of any document or question."""

# ruff: noqa: S105 - planted, so that they may be looked for

import gzip
import hashlib
import json
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.server import Server, add_text, run, serving, wait_until_ready

pytestmark = pytest.mark.timeout(180)

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a6978"
TOKEN = "7b1c9d5e3f2a4860b7c1d9e5f3a24860"
MODEL_KEY = "gsk_plantedmodelkey0123456789abcdef"
REDIS_PASSWORD = "redis-pass-9x8y7z"
URL_PASSWORD = "hidden-in-url-4711"
QUERY_SECRET = "signature-of-a-link-31337"
TITLE = "Zeppelin Takeover Plan"
TEXT = "The zeppelin is bought on the ninth of Octember for eleven guilders."
QUESTION = "What does Aunt Philomena pay for the zeppelin?"
SETTINGS = {
    "API_KEY": KEY,
    "RAG_METRICS_TOKEN": TOKEN,
    "RAG_LLM_PROVIDERS": "gone",
    "RAG_LLM_GONE_BASE_URL": f"http://user:{URL_PASSWORD}@127.0.0.1:9/v1?sig={QUERY_SECRET}",
    "RAG_LLM_GONE_MODEL": "m",
    "RAG_LLM_GONE_API_KEY": MODEL_KEY,
    "REDIS_URL": f"redis://:{REDIS_PASSWORD}@127.0.0.1:9/0",
}
PLANTED = (KEY, TOKEN, MODEL_KEY, REDIS_PASSWORD, URL_PASSWORD, QUERY_SECRET)
PRIVATE = (TITLE, "zeppelin", "Octember", "guilders", "Philomena")
PARTS = {"settings.json", "versions.json", "doctor.json", "health.json", "readiness.json", "status.json"}
PARTS |= {"metrics.txt", "jobs.json", "schema.sql"}


def use(server: Server) -> None:
    """Leave traces of secrets and content wherever they may get to, the log above all."""
    wait_until_ready(server, [add_text(server, TITLE, TEXT)])
    server.http.post("/chat", json={"message": QUESTION})
    server.http.get("/api/v1/search", params={"query": QUESTION, "api_key": QUERY_SECRET})
    server.http.get(f"/{TITLE}/{QUERY_SECRET}")
    server.http.post("/api/v1/sources", json={"name": TITLE, "kind": "web", "location": "https://127.0.0.1:9/"})
    log = server.folder / "data/logs/ragkeeper.log"
    with log.open("a", encoding="utf-8") as file:
        record = {"event": "request_failed", "level": "error", "code": "x", "detail": f"{TEXT} {MODEL_KEY}", "ms": 3}
        file.write(json.dumps(record) + "\n")
        file.write(json.dumps({"event": f"cannot read {TITLE}", "url": f"http://u:{URL_PASSWORD}@h/"}) + "\n")
        file.write(f"not a record: {QUESTION} Bearer {TOKEN}\n")
        trace = f'Traceback\n  File "/a/b.py", line 3, in work\n    raise\nValueError: {TEXT} {REDIS_PASSWORD}'
        file.write(json.dumps({"event": "request_crashed", "level": "error", "exception": trace}) + "\n")


def unpacked(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        found = {entry.name.partition("/")[2]: archive.extractfile(entry) for entry in archive.getmembers()}
        return {name: file.read() for name, file in found.items() if file}


def assert_clean(files: dict[str, bytes]) -> None:
    everything = b"\n".join(files.values()).lower()
    assert [secret for secret in PLANTED if secret.lower().encode() in everything] == []
    assert [word for word in PRIVATE if word.lower().encode() in everything] == []


def assert_listed(files: dict[str, bytes]) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(files["manifest.json"])
    assert {entry["name"] for entry in manifest["files"]} == set(files) - {"manifest.json"}
    for entry in manifest["files"]:
        content = files[entry["name"]]
        assert (entry["size"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    return manifest


def test_a_bundle_of_a_running_server_tells_all_but_secrets_and_content(tmp_path: Path):
    with serving(tmp_path, SETTINGS) as server:
        use(server)
        began = time.monotonic()
        done = server.run("support-bundle", "case.tar.gz", "--json")
        assert time.monotonic() - began < 60
    path = tmp_path / "case.tar.gz"
    files = unpacked(path)
    assert oct(path.stat().st_mode)[-3:] == "600"
    assert json.loads(done.stdout)["file"] == "case.tar.gz"
    assert set(files) >= PARTS
    assert_clean(files)
    manifest = assert_listed(files)
    assert sum(entry["redactions"] for entry in manifest["files"]) > 0
    settings = json.loads(files["settings.json"])["values"]
    assert (settings["API_KEY"], settings["RAG_PORT"]) == ("[set]", server.http.base_url.port)
    assert json.loads(files["health.json"])["components"]["database"]["state"] == "healthy"
    assert json.loads(files["status.json"])["documents"]["ready"] == 1
    assert "part_unwell" in {finding["code"] for finding in json.loads(files["doctor.json"])["findings"]}
    assert b"http_requests_total" in files["metrics.txt"]
    assert b"CREATE TABLE documents" in files["schema.sql"]
    log = next(content for name, content in files.items() if name.startswith("logs/")).decode()
    records = [json.loads(line) for line in log.splitlines()]
    assert {"serving"} <= {record.get("event") for record in records}
    routes = {record["route"] for record in records if record.get("event") == "request"}
    assert routes >= {"/api/v1/search", "/api/v1/sources", "unknown"}
    crashed = next(record for record in records if record.get("event") == "request_crashed")
    assert crashed["exception"] == ['File "/a/b.py", line 3, in work', "ValueError"]
    assert records[-1] == {"lines_left_out_that_are_no_records": 1}


def test_a_bundle_without_a_server_says_what_it_could_not_have(tmp_path: Path):
    with serving(tmp_path, SETTINGS) as server:
        use(server)
    done = run("support-bundle", "case.tar.gz", folder=tmp_path, environment=SETTINGS)
    assert done.returncode == 0, done.stderr
    files = unpacked(tmp_path / "case.tar.gz")
    assert_clean(files)
    assert_listed(files)
    assert "not_available" in json.loads(files["health.json"])
    assert json.loads(files["doctor.json"])["branches"]["database"]["verdict"] == "ok"


def test_a_bundle_that_cannot_be_written_says_where(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    for place in ("nowhere/case.tar.gz", "folder"):
        done = run("support-bundle", place, folder=tmp_path)
        assert done.returncode == 2
        assert "[bundle_not_written]" in done.stderr
        assert place in done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_bundle_is_made_whatever_is_broken(tmp_path: Path):
    with serving(tmp_path, SETTINGS) as server:
        use(server)
    (tmp_path / "data/ragkeeper.db").write_bytes(b"no database" * 500)
    (tmp_path / "data/jobs.db").unlink(missing_ok=True)
    with (tmp_path / "data/logs/ragkeeper.log").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"event": f"last words {REDIS_PASSWORD} {URL_PASSWORD} {TOKEN}"}) + "\n")
    (tmp_path / "data/logs/ragkeeper-cut.log.gz").write_bytes(gzip.compress(b'{"event": "cut"}\n')[:-9])
    (tmp_path / "data/logs/ragkeeper-away.log").symlink_to("nowhere")
    done = run("support-bundle", "case.tar.gz", folder=tmp_path, environment={**SETTINGS, "RAG_PORTT": "1"})
    assert done.returncode == 0, done.stderr
    files = unpacked(tmp_path / "case.tar.gz")
    assert json.loads(files["settings.json"])["problem"] == "setting_unknown"
    assert "setting_unknown" in {finding["code"] for finding in json.loads(files["doctor.json"])["findings"]}
    assert_listed(files)
    everything = b"\n".join(files.values())
    assert [secret for secret in PLANTED if secret.encode() in everything] == []
    logs = {name for name in files if name.startswith("logs/")}
    assert {name.partition("-")[2] for name in logs} == {"ragkeeper.log", "ragkeeper-cut.log.gz"}
    assert b"last words [removed]" in everything
