"""A server whose durable jobs lie in PostgreSQL: killed under way, and with that PostgreSQL gone."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.server import Server, add_text, serving, wait_for, wait_until_ready
from tests.contract.jobs.server import PASSWORD, PostgresServer, postgres_server

pytestmark = pytest.mark.timeout(240)

_FILES = 150


@pytest.fixture(scope="module")
def postgres(require_binary: Callable[[str], Path]) -> Iterator[PostgresServer]:
    with postgres_server(require_binary("postgres")) as server:
        yield server


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    root = tmp_path / "handbook"
    root.mkdir()
    for number in range(_FILES):
        (root / f"{number}.md").write_text(f"# Rule {number}\n\nThe rule of number {number}.", encoding="utf-8")
    return root


def names(server: Server) -> list[str]:
    return [one["name"] for one in server.http.get("/api/v1/documents", params={"limit": 500}).json()["items"]]


def state(server: Server, job: str) -> dict:
    return server.http.get(f"/api/v1/syncs/{job}").json()


def test_what_was_under_way_at_a_kill_is_done_once(postgres: PostgresServer, tmp_path: Path, handbook: Path) -> None:
    settings = {"RAG_JOBS_DATABASE_URL": postgres.database("killed")}
    folder = tmp_path / "server"
    with serving(folder, settings) as server:
        server.run("sources", "add", "rules", "folder", str(handbook))
        job = json.loads(server.run("sources", "sync", "rules", "--json").stdout)["job_id"]
        text = add_text(server, "Uploaded", "Words of an upload.")
        wait_for(lambda: len(names(server)) > 5)
        assert state(server, job)["state"] == "running"
        server.process.kill()
        server.process.wait()
    assert not (folder / "data" / "jobs.db").exists()
    with serving(folder, settings) as server:
        wait_for(lambda: state(server, job)["state"] == "done", seconds=60)
        result = state(server, job)["result"]
        assert (result["added"], result["failed"]) == (_FILES, 0)
        found = names(server)
        assert len(found) == len(set(found)) == _FILES + 1
        wait_until_ready(server, [text])
        log = server.log
    assert PASSWORD not in log


def test_a_server_goes_on_without_it_and_says_what_waits(
    postgres: PostgresServer, tmp_path: Path, handbook: Path
) -> None:
    settings = {"RAG_JOBS_DATABASE_URL": postgres.database("gone")}
    with serving(tmp_path / "server", settings) as server:
        server.run("sources", "add", "rules", "folder", str(handbook))
        postgres.stop()
        try:
            goes_on(server)
        finally:
            postgres.start()
        assert json.loads(server.run("sources", "sync", "rules", "--wait", "--json").stdout)["added"] == _FILES
        wait_for(lambda: worker(server)["state"] == "healthy")
        assert PASSWORD not in server.log


def test_a_server_starts_without_it_and_takes_it_up_later(
    postgres: PostgresServer, tmp_path: Path, handbook: Path
) -> None:
    settings = {"RAG_JOBS_DATABASE_URL": postgres.database("later")}
    postgres.stop()
    try:
        with serving(tmp_path / "server", settings) as server:
            server.run("sources", "add", "rules", "folder", str(handbook))
            goes_on(server)
            postgres.start()
            wait_for(lambda: "jobs_available_again" in server.log)
            assert json.loads(server.run("sources", "sync", "rules", "--wait", "--json").stdout)["added"] == _FILES
    finally:
        postgres.start()


def worker(server: Server) -> dict:
    return server.http.get("/health/detailed").json()["components"]["worker"]


def goes_on(server: Server) -> None:
    """Searches, uploads: as ever. Syncs: an error that says what is to be done."""
    document = add_text(server, "Meanwhile", "A numbat eats termites.")
    wait_until_ready(server, [document])
    found = server.http.post("/api/v1/search", json={"query": "numbat"}).json()["results"]
    assert found[0]["document_id"] == document
    refused = server.run("sources", "sync", "rules", check=False)
    assert refused.returncode != 0
    assert "RAG_JOBS_DATABASE_URL" in refused.stderr
    assert PASSWORD not in refused.stdout + refused.stderr
    wait_for(lambda: worker(server)["state"] == "degraded")
    assert "PostgreSQL" in worker(server)["reason"]
    assert server.log.count("jobs_unavailable") == 1
