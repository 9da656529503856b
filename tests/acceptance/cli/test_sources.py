"""A folder that is kept in step, as its operator does it: over the command line and HTTP, on a real server."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.server import Server, serving, wait_for

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("sources")) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "handbook"
    (root / "more").mkdir(parents=True)
    for number in range(12):
        (root / "more" / f"{number}.md").write_text(
            f"# Rule {number}\n\nThe rule of number {number}.", encoding="utf-8"
        )
    return root


def names(server: Server, collection: str = "default") -> set[str]:
    answer = server.http.get("/api/v1/documents", params={"collection": collection, "limit": 500})
    return {one["name"] for one in answer.json()["items"]}


def synced(server: Server, name: str, *more: str, check: bool = True) -> dict:
    return json.loads(server.run("sources", "sync", name, "--wait", "--json", *more, check=check).stdout)


def test_a_folder_is_kept_in_step(server: Server, folder: Path) -> None:
    server.run("sources", "add", "rules", "folder", str(folder), "--schedule", "0 2 * * *")
    plan = json.loads(server.run("sources", "sync", "rules", "--dry-run", "--json").stdout)
    assert (plan["add"], plan["remove"], plan["stopped"]) == (12, 0, None)
    assert not any(name.startswith("rules/") for name in names(server))

    assert synced(server, "rules")["added"] == 12
    (folder / "more" / "0.md").unlink()
    (folder / "more" / "1.md").write_text("# Rule 1\n\nAnother wording: zeugma.", encoding="utf-8")
    (folder / "new.md").write_text("# New\n\nA quokka lives here.", encoding="utf-8")
    run = synced(server, "rules")
    assert (run["added"], run["updated"], run["removed"], run["unchanged"]) == (1, 1, 1, 10)
    mine = {name for name in names(server) if name.startswith("rules/")}
    assert mine == {"rules/new.md"} | {f"rules/more/{number}.md" for number in range(1, 12)}
    wait_for(lambda: found(server, "quokka") == ["rules/new.md"])
    wait_for(lambda: found(server, "zeugma") == ["rules/more/1.md"])
    assert "0 2 * * *" in server.run("sources", "list").stdout


def found(server: Server, query: str) -> list[str]:
    answer = server.http.get("/api/v1/search", params={"query": query, "mode": "lexical"})
    return [hit["name"] for hit in answer.json()["results"]]


def test_a_sudden_loss_removes_nothing_until_it_is_allowed(server: Server, folder: Path) -> None:
    server.run("sources", "add", "lossy", "folder", str(folder))
    assert synced(server, "lossy")["added"] == 12
    for number in range(6):
        (folder / "more" / f"{number}.md").unlink()
    plan = server.run("sources", "sync", "lossy", "--dry-run")
    assert "remove 6" in plan.stdout
    assert "remove nothing" in plan.stderr
    stopped = server.run("sources", "sync", "lossy", "--wait", check=False)
    assert stopped.returncode == 1
    assert "source_shrank" in stopped.stdout
    assert "--allow-removals" in stopped.stdout
    assert sum(name.startswith("lossy/") for name in names(server)) == 12
    assert synced(server, "lossy", "--allow-removals", "--yes")["removed"] == 6
    assert sum(name.startswith("lossy/") for name in names(server)) == 6
    (folder / "more").rename(folder / ".away")
    assert synced(server, "lossy", check=False)["error"]["code"] == "source_shrank"
    folder.rename(folder.with_name("away"))
    assert synced(server, "lossy", check=False)["error"]["code"] == "source_unreachable"
    assert sum(name.startswith("lossy/") for name in names(server)) == 6


def test_a_source_is_paused_shown_and_removed(server: Server, folder: Path) -> None:
    (folder / "empty.md").touch()
    server.run("sources", "add", "short", "folder", str(folder))
    assert synced(server, "short")["failed"] == 1
    assert "file_empty" in server.run("sources", "show", "short").stdout
    server.run("sources", "pause", "short")
    assert server.run("sources", "sync", "short", check=False).returncode == 2
    server.run("sources", "resume", "short")
    kept = server.run("sources", "remove", "short", "--dry-run")
    assert "its 12 documents stay" in kept.stdout
    assert server.run("sources", "remove", "short", "--documents", check=False).returncode == 2
    server.run("sources", "remove", "short", "--documents", "--yes")
    assert not any(name.startswith("short/") for name in names(server))
    assert server.run("sources", "show", "short", check=False).returncode == 2


def test_folders_of_the_system_and_of_the_server_are_refused(server: Server) -> None:
    for path in ("/proc", "/", str(server.folder / "data"), str(server.folder / "data" / "files")):
        refused = server.run("sources", "add", "wrong", "folder", path, "--json", check=False)
        assert (refused.returncode, json.loads(refused.stdout)["code"]) == (2, "folder_refused"), path
    assert server.stranger.get("/api/v1/sources").status_code == httpx.codes.UNAUTHORIZED


def test_a_watched_folder_follows_by_itself(server: Server, folder: Path) -> None:
    server.run("sources", "add", "watched", "folder", str(folder), "-o", "watch=true")
    synced(server, "watched")
    shown = json.loads(server.run("sources", "show", "watched", "--json").stdout)
    assert shown["watching"] == {"works": True, "reason": None}
    (folder / "soon.md").write_text("Soon here.", encoding="utf-8")
    wait_for(lambda: "watched/soon.md" in names(server))
    server.run("sources", "remove", "watched", "--documents", "--yes")


def test_a_run_goes_on_after_the_server_was_killed(tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(600):
        (many / f"{number}.md").write_text(f"Text number {number}.", encoding="utf-8")
    place = tmp_path / "server"
    with serving(place) as running:
        running.run("jobs", "pause")
        running.run("sources", "add", "many", "folder", str(many))
        job_id = json.loads(running.run("sources", "sync", "many", "--json").stdout)["job_id"]
        wait_for(lambda: len(names(running)) > 100)
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait(10)
    with serving(place) as running:
        before = len(names(running))
        wait_for(lambda: running.http.get(f"/api/v1/syncs/{job_id}").json()["state"] == "done", 60)
        assert before < 600
        shown = running.http.get("/api/v1/sources/many").json()
        assert (shown["last_run"]["state"], shown["items"], shown["failed"]) == ("done", 600, 0)
        counts = running.http.get("/status").json()["documents"]
        assert sum(count for status, count in counts.items() if status != "chunks") == 600
