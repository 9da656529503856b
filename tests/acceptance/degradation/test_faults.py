"""What is missing by itself: seen, told, worked around, and over when it is back."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.mounts import inside, on_own_disk, remount
from tests.acceptance.server import Server, add_text, serving, wait_for, wait_until_ready

QUESTION = "How many weeks of parental leave do employees get?"
LEAVE = "Employees get twelve weeks of parental leave. Requests go to the people team."


def search(server: Server, query: str = "parental leave weeks") -> dict[str, Any]:
    answer = server.http.post("/api/v1/search", json={"query": query})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def ask(server: Server) -> dict[str, Any]:
    answer = server.http.post("/chat", json={"message": QUESTION})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def degradation(server: Server) -> dict[str, Any]:
    return dict(server.http.get("/admin/degradation").json())


def causes(server: Server) -> set[str]:
    return {cause["name"] for cause in degradation(server)["causes"]}


@pytest.mark.timeout(180)
def test_an_index_that_cannot_be_opened_is_replaced_by_words_in_sql_until_it_is_back(tmp_path: Path):
    with on_own_disk(tmp_path, "index", "ro") as server:
        added = add_text(server, "Leave", LEAVE)
        wait_for(lambda: bool(search(server)["results"]))
        found = search(server)
        assert (found["mode"], found["results"][0]["title"]) == ("sql", "Leave")
        assert any("searched by words in the database" in note for note in found["notes"])
        answer = ask(server)
        assert (answer["mode"], answer["search_mode"]) == ("extractive", "sql")
        assert "twelve weeks" in answer["answer"]
        assert answer["citations"]
        wait_for(lambda: "index" in causes(server))
        ready = server.stranger.get("/health/ready")
        assert ready.status_code == 200
        assert ready.json()["capabilities"]["retrieve"]["state"] == "degraded"
        assert server.stranger.get("/health").json()["components"]["vector_db"] == "unhealthy"
        assert server.http.get("/status").status_code == 200
        assert "FALLBACK ACTIVATED" in server.log
        remount(server, "index", "rw")
        wait_for(lambda: search(server)["mode"] == "hybrid", 90)
        wait_until_ready(server, [added])
        wait_for(lambda: "index" not in causes(server), 60)
        assert search(server)["results"][0]["title"] == "Leave"


@pytest.mark.timeout(180)
def test_an_index_whose_folder_is_removed_is_built_anew_while_searches_go_on(tmp_path: Path):
    with serving(tmp_path) as server:
        wait_until_ready(server, [add_text(server, "Leave", LEAVE)])
        shutil.rmtree(tmp_path / "data" / "index")
        # What waits for the old index must not keep the new one from taking its place.
        added = add_text(server, "Pumps", "The pump P-7 is serviced every 400 hours.")
        wait_for(lambda: "index" in causes(server))
        assert search(server)["results"]
        wait_for(lambda: "index" not in causes(server), 90)
        assert search(server)["mode"] == "hybrid"
        wait_until_ready(server, [added])
        assert search(server, "pump P-7")["results"][0]["title"] == "Pumps"


@pytest.mark.timeout(120)
def test_answers_go_on_when_the_disk_is_full(tmp_path: Path):
    with on_own_disk(tmp_path, "") as server:
        wait_until_ready(server, [add_text(server, "Leave", LEAVE)])
        filler = str(tmp_path / "data" / "filler")
        inside(server, "sh", "-c", f"cat /dev/zero > {filler} 2>/dev/null || true")
        wait_for(lambda: ask(server)["message_id"] is None, 30)
        answer = ask(server)
        assert "twelve weeks" in answer["answer"]
        assert any("not kept" in note for note in answer["notes"])
        assert search(server)["results"]
        wait_for(lambda: degradation(server)["step"] == "read_only")
        assert [cause["code"] for cause in degradation(server)["causes"] if cause["name"] == "database"] == [
            "storage_full"
        ]
        inside(server, "rm", filler)
        wait_for(lambda: degradation(server)["takes_changes"], 60)
        assert ask(server)["message_id"]


@pytest.mark.timeout(120)
def test_without_quoting_nothing_is_generated_while_every_model_is_away(tmp_path: Path):
    away = {"RAG_LLM_PROVIDERS": "gone", "RAG_LLM_GONE_BASE_URL": "http://127.0.0.1:9/v1", "RAG_LLM_GONE_MODEL": "m"}
    with serving(tmp_path, {**away, "RAG_EXTRACTIVE_FALLBACK": "false"}) as server:
        wait_until_ready(server, [add_text(server, "Leave", LEAVE)])
        assert server.http.post("/chat", json={"message": QUESTION}).status_code == 503

        def generate() -> dict[str, Any]:
            return dict(server.stranger.get("/health/ready").json()["capabilities"]["generate"])

        wait_for(lambda: generate()["state"] == "down", 20)
        assert generate()["reason"] == "llm_service: unhealthy"
        assert server.stranger.get("/health/ready").status_code == 200
        assert search(server)["results"]
        # Whoever holds the server to quoting gets its answers quoted.
        server.run("degrade", "--to", "extractive", "--for", "5m")
        assert ask(server)["mode"] == "extractive"
        assert generate()["state"] == "degraded"
