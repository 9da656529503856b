"""Status, disks, errors and the index's health as the guides promise them."""

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.guides.test_health import able
from tests.acceptance.guides.texts import lighthouse
from tests.acceptance.mounts import inside, on_own_disk
from tests.acceptance.server import COMMAND, Server, add_text, serving, wait_for, wait_until_ready

# Without another provider and without quoting, each question to a model that is away is an error of the server.
FAILING = {
    "RAG_LLM_PROVIDERS": "gone",
    "RAG_LLM_GONE_BASE_URL": "http://127.0.0.1:9/v1",
    "RAG_LLM_GONE_MODEL": "m",
    "RAG_EXTRACTIVE_FALLBACK": "false",
}
PATHS = {"data", "index", "files", "backups", "logs", "temporary", "database"}
MORE = 10
QUESTION = lighthouse(1).split(".")[0]


def status(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(server.run("status", "--json").stdout)
    return found


def fail(server: Server, times: int) -> None:
    """A question that a document answers, so that a model is asked for the words."""
    wait_until_ready(server, [add_text(server, "Lighthouse", lighthouse(1))])
    for _ in range(times):
        assert server.http.post("/chat", json={"message": QUESTION}).status_code == 503


@pytest.mark.timeout(120)
def test_g0_007_each_path_that_is_written_to_has_its_own_verdict(tmp_path: Path):
    with on_own_disk(tmp_path, "backups", "size=20m") as server:
        filler = str(tmp_path / "data/backups/filler")
        inside(server, "sh", "-c", f"head -c 20000000 /dev/zero > {filler}")
        wait_for(lambda: server.stranger.get("/health").json()["components"]["disk"] == "degraded", 20)
        disks = json.loads(server.run("health", "--json", check=False).stdout)["disks"]
        assert set(disks) >= PATHS
        assert all(set(disk) >= {"used", "total", "inodes_free", "verdict"} for disk in disks.values())
        assert (disks["backups"]["verdict"], disks["data"]["verdict"]) == ("full", "ok")
        assert disks["backups"]["used_percent"] >= 95
        done = inside(server, "env", "-C", str(tmp_path), *variables(server), COMMAND, "doctor", "--json", check=False)
        assert done.returncode == 1
        findings = [one for one in json.loads(done.stdout)["findings"] if one["code"] == "disk_full"]
        assert [one["evidence"]["what"] for one in findings] == ["backups"]
        assert f"{findings[0]['evidence']['percent']} %" in findings[0]["message"]
        assert findings[0]["evidence"]["percent"] >= 95


@pytest.mark.timeout(120)
def test_g0_008_errors_of_a_day_are_counted_by_code_and_not_by_words(tmp_path: Path):
    with serving(tmp_path, FAILING) as server:
        for _ in range(50):
            assert server.http.get("/api/v1/search", params={"query": "error"}).status_code == 200
        fail(server, 3)
        errors = status(server)["errors"]
        assert errors["total"] == 3
        assert errors["hours"] == 24
        assert sum(one["count"] for one in errors["by_code"].values()) == 3
        assert "errors logged in the last 24 hours: 3" in server.run("health", check=False).stdout


@pytest.mark.timeout(180)
def test_g3_004_every_error_is_listed_with_code_first_and_last(tmp_path: Path):
    with serving(tmp_path, FAILING) as server:
        fail(server, 200)
        errors = status(server)["errors"]
        counts = [one["count"] for one in errors["by_code"].values()]
        assert (errors["total"], sum(counts)) == (200, 200)
        for one in errors["by_code"].values():
            assert datetime.fromisoformat(one["first"]) <= datetime.fromisoformat(one["last"])
        assert len([line for line in server.log.splitlines() if "ERROR" in line]) == 200
    # They outlast the process.
    with serving(tmp_path, FAILING) as server:
        assert status(server)["errors"]["total"] == 200


@pytest.mark.timeout(120)
def test_g1_029_status_follows_documents_index_and_degradation(tmp_path: Path):
    with serving(tmp_path) as own:
        before = status(own)
        assert before["version"] == own.run("--version").stdout.split()[-1]
        wait_until_ready(own, [add_text(own, f"Lighthouse {n}", lighthouse(n)) for n in range(MORE)])
        wait_for(lambda: status(own)["index"]["waiting_changes"] == 0, 30)
        after = status(own)
        assert after["documents"]["ready"] - before["documents"]["ready"] == MORE
        assert after["documents"]["chunks"] == after["index"]["chunks"] >= MORE
        assert after["index"]["lag_seconds"] == 0
        assert after["uptime_seconds"] > before["uptime_seconds"]
        assert set(after["queue"].values()) == {0}
        assert (after["backup"]["last"], after["drill"]["last"]) == (None, None)
        own.run("degrade", "--to", "search_only", "--for", "5m")
        assert status(own)["degradation"]["step"] == "search_only"
        shown = own.run("status").stdout
        assert "search_only" in shown
        assert "last backup" in shown


@pytest.mark.timeout(120)
def test_g4_005_the_index_is_compared_with_what_lies_on_the_disk(tmp_path: Path):
    with serving(tmp_path) as server:
        wait_until_ready(server, [add_text(server, "Gate", "The harbour gate closes at nine.")])
        assert server.stranger.get("/health").json()["components"]["vector_db"] == "healthy"
        shutil.rmtree(next((tmp_path / "data/index").glob("*/shard-*")))
        wait_for(lambda: vector_db(server) == "unhealthy", 15)
        body = server.stranger.get("/health")
        assert (body.status_code, body.json()["status"]) == (200, "degraded")
        assert body.json()["codes"]["vector_db"] == "index_folder_gone"
        assert able(server)["retrieve"] == "degraded"
        assert server.http.get("/api/v1/search", params={"query": "harbour gate"}).json()["results"]
        manifest = next((tmp_path / "data/index").glob("*/index.json"))
        (manifest.parent / json.loads(manifest.read_text())["shard"]).mkdir(exist_ok=True)
        wait_for(lambda: vector_db(server) == "healthy", 15)
        content = json.loads(manifest.read_text())
        manifest.write_text(json.dumps({**content, "dimension": 7}))
        wait_for(lambda: vector_db(server) == "unhealthy", 15)
        assert server.stranger.get("/health").json()["codes"]["vector_db"] == "index_mismatch"


def variables(server: Server) -> list[str]:
    return [f"{name}={value}" for name, value in server.environment.items()]


def vector_db(server: Server) -> str:
    return str(server.stranger.get("/health").json()["components"]["vector_db"])
