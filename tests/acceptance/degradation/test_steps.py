"""Each step forced on a running server: what searches, answers and changes then say, and that it ends."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.background import in_background
from tests.acceptance.server import Server, add_text, events, serving, wait_for, wait_until_ready
from tests.contract.chat.standin import StandIn

QUESTION = "How many weeks of parental leave do employees get?"


def providers(*models: StandIn) -> dict[str, str]:
    settings = {"RAG_LLM_PROVIDERS": ",".join(f"p{number}" for number in range(len(models)))}
    for number, model in enumerate(models):
        settings[f"RAG_LLM_P{number}_BASE_URL"] = model.base_url
        settings[f"RAG_LLM_P{number}_MODEL"] = "tiny"
    return settings


@pytest.fixture(scope="module")
def models() -> Iterator[tuple[StandIn, StandIn]]:
    with in_background(StandIn()) as first, in_background(StandIn()) as second:
        yield first, second


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, models: tuple[StandIn, StandIn]) -> Iterator[Server]:
    settings = {**providers(*models), "RERANKING_METHOD": "llm", "RAG_USE_CACHE": "true"}
    with serving(tmp_path_factory.mktemp("steps"), settings) as server:
        text = "Employees get twelve weeks of parental leave. Requests go to the people team."
        wait_until_ready(server, [add_text(server, "Leave", text)])
        yield server


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    yield running
    running.run("degrade", "--auto")


def force(server: Server, step: str, period: str = "10m") -> dict[str, Any]:
    return dict(json.loads(server.run("degrade", "--to", step, "--for", period, "--json").stdout))


def ask(server: Server) -> dict[str, Any]:
    answer = server.http.post("/chat", json={"message": QUESTION})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def calls(models: tuple[StandIn, StandIn]) -> tuple[int, int]:
    return len(models[0].requests), len(models[1].requests)


def test_without_a_forced_step_everything_is_used(server: Server, models: tuple[StandIn, StandIn]):
    before = calls(models)
    answer = ask(server)
    assert (answer["mode"], answer["notes"], answer["search_mode"]) == ("full", [], "hybrid")
    assert calls(models) == (before[0] + 2, before[1])  # reranked and written


def test_without_reranking_no_reranker_is_called(server: Server, models: tuple[StandIn, StandIn]):
    force(server, "without_reranking")
    before = calls(models)
    answer = ask(server)
    assert answer["mode"] == "without_reranking"
    assert calls(models) == (before[0] + 1, before[1])
    assert any("not reranked" in note for note in answer["notes"])


def test_the_fallback_model_writes(server: Server, models: tuple[StandIn, StandIn]):
    force(server, "fallback_model")
    before = calls(models)
    assert ask(server)["mode"] == "fallback_model"
    assert calls(models) == (before[0], before[1] + 1)


def test_extractive_calls_no_model(server: Server, models: tuple[StandIn, StandIn]):
    force(server, "extractive")
    before = calls(models)
    answer = ask(server)
    assert answer["mode"] == "extractive"
    assert "twelve weeks" in str(answer["answer"])
    assert answer["citations"]
    assert calls(models) == before


def test_search_only_lists_what_was_found_on_every_road(server: Server, models: tuple[StandIn, StandIn]):
    force(server, "search_only")
    before = calls(models)
    answer = ask(server)
    assert (answer["mode"], answer["refused"], answer["citations"]) == ("search_only", False, [])
    assert "[1] Leave" in str(answer["answer"])
    assert answer["hints"]
    stream = events(server.http.post("/chat/stream", json={"message": QUESTION}).text)
    done = dict(stream)["done"]
    assert done["mode"] == "search_only"
    assert "".join(data["text"] for name, data in stream if name == "token") == done["answer"]
    body = {"model": "ragkeeper", "messages": [{"role": "user", "content": QUESTION}]}
    completion = server.http.post("/v1/chat/completions", json=body).json()
    assert (completion["mode"], completion["notes"]) == ("search_only", answer["notes"])
    assert "[1] Leave" in completion["choices"][0]["message"]["content"]
    assert calls(models) == before


def test_read_only_refuses_changes_and_goes_on_answering(server: Server):
    kept = server.http.get("/api/v1/conversations").json()["items"]
    force(server, "read_only")
    for refused in (
        server.http.post("/api/v1/documents", json={"title": "T", "text": "new"}),
        server.http.post("/api/v1/documents", files={"file": ("a.txt", b"x" * 100_000)}),
        server.http.delete("/api/v1/documents/x"),
        server.http.post("/api/v1/sources", json={}),
        server.http.post("/ingest"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (503, "read_only"), refused.text
        assert 1 <= int(refused.headers["retry-after"]) <= 300
    answer = ask(server)
    assert (answer["mode"], answer["conversation_id"], answer["message_id"]) == ("full", None, None)
    assert any("not kept" in note for note in answer["notes"])
    assert server.http.post("/api/v1/search", json={"query": "leave"}).json()["results"]
    assert server.run("doctor", "index").returncode == 0
    assert server.http.get("/api/v1/conversations").json()["items"] == kept
    ready = server.stranger.get("/health/ready")
    able = ready.json()["capabilities"]
    assert (ready.status_code, able["ingest"]["reason"]) == (200, "degradation: read_only")
    assert [able[name]["state"] for name in ("retrieve", "generate", "ingest", "admin")] == [
        "ok",
        "ok",
        "down",
        "degraded",
    ]
    figures = server.http.get("/metrics").text
    assert 'rag_capability_up{capability="ingest"} 0.0' in figures
    assert 'rag_capability_up{capability="admin"} 1.0' in figures


def test_what_is_in_force_is_told_everywhere(server: Server):
    view = force(server, "extractive")
    assert (view["step"], view["answers"], view["takes_changes"]) == ("extractive", "extractive", True)
    status = server.http.get("/status").json()
    assert status["degradation"]["forced"]["by"] == "local"
    assert status["answer_mode"] == "extractive"
    ready = server.stranger.get("/health/ready").json()["degradation"]
    assert (ready["step"], ready["forced"]) == ("extractive", True)
    assert "by" not in str(ready)
    metrics = server.http.get("/metrics").text
    assert "rag_degradation_step 3.0" in metrics
    assert 'rag_degradation_cause{cause="forced"} 1.0' in metrics
    assert '"degradation_changed"' in server.log
    assert "forced by local: extractive until" in server.run("degrade", "status").stdout
    for command in ("status", "health"):
        assert "forced by local: extractive, since" in server.run(command).stdout
    detailed = server.http.get("/health/detailed").json()
    assert detailed["degradation"] == status["degradation"]
    assert detailed["capabilities"]["ingest"]["state"] == "ok"
    acts = server.http.get("/admin/audit").json()["items"]
    assert acts[0]["action"] == "degradation_forced"


def test_a_forced_step_ends_by_itself(server: Server):
    force(server, "search_only", "2s")
    assert ask(server)["mode"] == "search_only"
    wait_for(lambda: ask(server)["mode"] == "full", 10)
    wait_for(lambda: "rag_degradation_step 0.0" in server.http.get("/metrics").text, 5)


def test_strangers_and_nonsense_are_refused(server: Server):
    assert server.stranger.get("/admin/degradation").status_code == 401
    assert server.stranger.post("/admin/degradation", json={"step": "read_only"}).status_code == 401
    assert server.http.post("/admin/degradation", json={"step": "holiday"}).status_code == 422
    assert server.http.post("/admin/degradation", json={"step": "extractive", "seconds": 0}).status_code == 422
    for wrong in (["--to", "extractive", "--for", "soon"], ["--to", "holiday"], ["--auto", "--to", "extractive"], []):
        assert server.run("degrade", *wrong, check=False).returncode == 2


@pytest.mark.timeout(120)
def test_a_forced_step_survives_a_restart(tmp_path: Path):
    with serving(tmp_path) as server:
        force(server, "search_only", "1h")
    with serving(tmp_path) as server:
        found = server.http.get("/admin/degradation").json()
        assert (found["step"], found["forced"]["stored"]) == ("search_only", True)
        assert server.http.get("/status").json()["answer_mode"] == "search_only"
        server.run("degrade", "--auto")
        assert server.http.get("/admin/degradation").json()["step"] == "full"


def test_forcing_takes_effect_at_once(server: Server):
    began = time.monotonic()
    assert server.http.post("/admin/degradation", json={"step": "search_only"}).status_code == httpx.codes.OK
    assert ask(server)["mode"] == "search_only"
    assert time.monotonic() - began < 2
