"""The index of a running server is damaged, built anew, changed to another model, and given back."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.background import in_background
from tests.acceptance.server import Server, add_text, serving, wait_for, wait_until_ready
from tests.contract.embedding.standin import Reply, StandIn

pytestmark = pytest.mark.timeout(240)

SUBJECTS = ("pump", "valve", "motor", "compressor", "turbine", "gearbox")
PLACES = ("harbour", "quarry", "refinery", "bakery")
QUESTIONS = [f"Who maintains the {subject} of the {place}?" for subject in SUBJECTS for place in PLACES[:2]]
OTHER = "openai:standin"


def fill(server: Server) -> list[str]:
    added = [
        add_text(server, f"{place} {subject}", f"The {subject} of the {place} is maintained every other week.")
        for place in PLACES
        for subject in SUBJECTS
    ]
    wait_until_ready(server, added)
    return added


def hits(server: Server) -> list[str]:
    """The best one of each: further down they are nearly equal, and replaced points still count in word statistics."""
    found = [server.http.post("/api/v1/search", json={"query": question}).json() for question in QUESTIONS]
    return [one["results"][0]["document_id"] for one in found]


def told(server: Server, *arguments: str, code: int = 0) -> Any:
    done = server.run(*arguments, "--json", check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


@contextmanager
def under_searches(server: Server) -> Iterator[list[int]]:
    """Ask without pause; the list gets the status of each search."""
    statuses: list[int] = []
    stopping = threading.Event()

    def ask() -> None:
        while not stopping.is_set():
            body = {"query": QUESTIONS[len(statuses) % len(QUESTIONS)]}
            statuses.append(server.http.post("/api/v1/search", json=body).status_code)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield statuses
    finally:
        stopping.set()
        thread.join()


def test_a_new_index_takes_over_under_searches_and_gives_back(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        fill(server)
        before = hits(server)
        with under_searches(server) as statuses:
            done = told(server, "reindex")
            told(server, "reindex", "--rollback")
            told(server, "reindex", "--rollback")
        assert len(statuses) > 10
        assert set(statuses) == {200}
        state = told(server, "reindex", "--status")
        assert (state["serving"]["generation"], done["result"]["chunks"]) == (done["result"]["generation"], 24)
        assert hits(server) == before
        assert told(server, "doctor", "index", "--deep")["ok"]
        assert told(server, "reindex", "--finish", "--yes")["previous"] is None
        told(server, "reindex", "--rollback", code=2)


def test_a_damaged_index_is_found_and_replaced_without_a_pause(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        fill(server)
        before = hits(server)
        wait_for(lambda: told(server, "doctor", "index")["ok"])
        generation = told(server, "reindex", "--status")["serving"]["generation"]
        for file in (tmp_path / "data/index" / generation).rglob("*"):
            if file.is_file() and file.suffix in {".dat", ".mmap", ".bin"}:
                damage(file)
        found = told(server, "doctor", "index", code=1)
        assert [finding["kind"] for finding in found["findings"]]
        with under_searches(server) as statuses:
            told(server, "reindex")
        assert set(statuses) <= {200, 503}, "a damaged index may refuse; nothing else fails"
        assert hits(server) == before
        assert told(server, "doctor", "index")["ok"]
        kept = told(server, "reindex", "--status")["previous"]
        assert kept == generation
        assert (tmp_path / "data/index" / kept).is_dir()


def damage(file: Path) -> None:
    """Other bytes in the same place: the server has the file mapped."""
    size = file.stat().st_size
    with file.open("r+b") as handle:
        handle.write(bytes([0xFF]) * size)


def test_an_index_that_a_start_cannot_read_is_put_aside_and_rebuilt(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        fill(server)
        before = hits(server)
    [pointer] = (tmp_path / "data/index").glob("*/index.json")
    pointer.write_text("{")
    with serving(tmp_path) as server:
        wait_for(lambda: not server.http.get("/status").json()["index"]["rebuilding"])
        assert hits(server) == before
        assert told(server, "doctor", "index")["ok"]
        [aside] = (tmp_path / "data").glob("index-aside-*")
        assert (aside / "index.json").read_text() == "{"


def test_another_model_serves_after_a_restart_and_gives_back(tmp_path: Path) -> None:
    with in_background(StandIn()) as model:
        settings = {"RAG_EMBEDDING_BASE_URL": model.base_url}
        with serving(tmp_path, settings) as server:
            fill(server)
            before = hits(server)
            estimate = told(server, "reindex", "--embedding-model", OTHER, "--dry-run")["estimate"]
            assert (estimate["to_embed"], estimate["model"]) == (24, "standin@64")
            refused = told(server, "reindex", "--embedding-model", OTHER, "--yes", "--min-overlap", "1", code=1)
            assert refused["code"] == "embedding_change_refused"
            assert hits(server) == before
            requests = len(model.requests)
            with under_searches(server) as statuses:
                done = told(server, "reindex", "--embedding-model", OTHER, "--yes", "--force")
            assert set(statuses) == {200}
            assert 0 <= done["result"]["comparison"]["overlap"] <= 1
            texts = [text for request in model.requests[requests:] for text in request["input"]]
            assert not any("is maintained every" in text for text in texts), "its vectors were kept"
            assert server.http.get("/status").json()["embedding_model"] == "standin@64"
        with serving(tmp_path, settings) as server:
            state = told(server, "reindex", "--status")
            assert (state["embedding_model"], state["other_model"]) == (OTHER, "minilm")
            new = add_text(server, "crane", "The crane of hall 9 lifts five tonnes.")
            wait_until_ready(server, [new])
            began = time.monotonic()
            told(server, "reindex", "--rollback")
            assert time.monotonic() - began < 5
            assert server.http.get("/status").json()["embedding_model"].startswith("minilm")
            assert hits(server) == before
            found = server.http.post("/api/v1/search", json={"query": "crane tonnes"}).json()["results"]
            assert found[0]["document_id"] == new
            told(server, "reindex", "--rollback")
            told(server, "reindex", "--finish", "--yes")
            assert told(server, "doctor", "index")["ok"]


def test_the_environment_overrules_what_was_chosen_once_it_changes(tmp_path: Path) -> None:
    with in_background(StandIn()) as model:
        settings = {"RAG_EMBEDDING_BASE_URL": model.base_url}
        with serving(tmp_path, settings) as server:
            added = fill(server)
            told(server, "reindex", "--embedding-model", OTHER, "--yes", "--force")
        with serving(tmp_path, {**settings, "RAG_EMBEDDING_MODEL": "openai:third"}) as server:
            assert "embedding_choice_overruled" in server.log
            wait_until_ready(server, added)
            assert server.http.get("/status").json()["embedding_model"] == "third@64"
            wait_for(lambda: told(server, "doctor", "index")["ok"])


def test_a_change_waits_for_an_endpoint_that_is_down_and_says_so(tmp_path: Path) -> None:
    with in_background(StandIn()) as standin:
        settings = {"RAG_EMBEDDING_BASE_URL": standin.base_url, "RAG_BREAKER_OPEN_SECONDS": "1"}
        with serving(tmp_path, settings) as server:
            fill(server)
            before = hits(server)
            begun = server.http.post("/api/v1/index/rebuild", json={"embedding_model": OTHER, "force": True}).json()
            standin.replies = [Reply(503)] * 10_000  # before the engine's next look into its queue
            job = f"/api/v1/index/jobs/{begun['job_id']}"

            def waits_for() -> str:
                return (server.http.get(job).json()["progress"] or {}).get("waits_for", "")

            wait_for(lambda: bool(waits_for()))
            assert "standin" in waits_for()
            assert waits_for() in json.dumps(told(server, "reindex", "--status"))
            assert hits(server) == before
            standin.replies = []
            wait_for(lambda: server.http.get(job).json()["state"] == "done", seconds=60)
            assert told(server, "reindex", "--status")["embedding_model"] == OTHER
            assert "reindex_waits" in server.log


def test_an_index_whose_files_were_cut_off_is_put_aside_and_built_anew(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        fill(server)
        before = hits(server)
    segments = [path for path in (tmp_path / "data/index").glob("*/shard-*/segments/**/*") if path.is_file()]
    for path in segments:
        if path.stat().st_size > 8192:
            os.truncate(path, path.stat().st_size // 2)
    with serving(tmp_path) as server:
        assert "index_put_aside" in server.log
        wait_for(lambda: server.http.get("/status").json()["index"]["rebuilding"] is False)
        wait_for(lambda: hits(server) == before)
