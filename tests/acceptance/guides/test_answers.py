"""Switches of the answer pipeline, and streams that end in time, proven against a stand-in for a model server."""

import time
from pathlib import Path

import pytest

from tests.acceptance.guides.pending import not_yet
from tests.acceptance.guides.texts import lighthouse
from tests.acceptance.server import Server, add_text, events, run, serving, wait_until_ready
from tests.contract.chat.standin import Behaviour, StandIn

QUESTION = "What was rung on foggy nights at the lighthouse?"


def provider(model: StandIn) -> dict[str, str]:
    return {
        "RAG_LLM_PROVIDERS": "standin",
        "RAG_LLM_STANDIN_BASE_URL": model.base_url,
        "RAG_LLM_STANDIN_MODEL": "tiny",
    }


def fill(server: Server) -> None:
    wait_until_ready(server, [add_text(server, f"L {number}", lighthouse(number)) for number in range(8)])


def ask(server: Server) -> dict[str, object]:
    answer = server.http.post("/chat", json={"message": QUESTION})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@not_yet("models are not asked yet")
@pytest.mark.timeout(120)
def test_g3_063_the_hypothetical_answer_is_a_switch(tmp_path: Path, model: StandIn):
    with serving(tmp_path, provider(model)) as server:
        fill(server)
        without = ask(server)
        calls = len(model.requests)
    with serving(tmp_path, {**provider(model), "RAG_USE_HYDE": "true"}) as server:
        with_it = ask(server)
    assert calls == 1
    assert len(model.requests) - calls == 2
    assert "rewrite" in str(with_it["timings_ms"])
    assert "rewrite" not in str(without["timings_ms"])
    refused = run("serve", folder=tmp_path, environment={"RAG_USE_HYDE": "true"})
    assert refused.returncode != 0
    assert "RAG_USE_HYDE" in refused.stdout + refused.stderr


@not_yet("models are not asked yet")
@pytest.mark.timeout(120)
def test_g3_026_a_stream_ends_at_its_limit(tmp_path: Path, model: StandIn):
    with serving(tmp_path, {**provider(model), "RAG_STREAM_TIMEOUT": "5"}) as server:
        fill(server)
        model.behave(Behaviour.HANG_AFTER_FIRST)
        for asked, limit in ((2, 2), (1_000_000, 5)):
            began = time.monotonic()
            stream = server.http.post("/chat/stream", json={"message": QUESTION, "stream_timeout": asked})
            assert limit - 0.5 < time.monotonic() - began < limit + 2
            capped = [data for name, data in events(stream.text) if name == "status" and "5" in str(data)]
            assert bool(capped) == (asked > 5)
        for asked in (0, -1):
            refused = server.http.post("/chat/stream", json={"message": QUESTION, "stream_timeout": asked})
            assert refused.status_code == 422


@not_yet("models are not asked yet")
@pytest.mark.timeout(120)
def test_g3_024_a_stream_at_its_limit_sends_one_timeout(tmp_path: Path, model: StandIn):
    with serving(tmp_path, provider(model)) as server:
        fill(server)
        model.behave(Behaviour.HANG_AFTER_FIRST)
        stream = server.http.post("/chat/stream", json={"message": QUESTION, "stream_timeout": 2})
        failed = [data for name, data in events(stream.text) if name == "error"]
        assert [data["code"] for data in failed] == ["TIMEOUT"]
        talk = server.http.get("/api/v1/conversations").json()["items"][0]["id"]
        messages = server.http.get(f"/api/v1/conversations/{talk}/messages").json()["items"]
        assert "unfinished" in str(messages[-1])


@not_yet("models are not asked yet")
@pytest.mark.timeout(120)
def test_g3_027_each_stream_that_runs_out_of_time_is_logged(tmp_path: Path, model: StandIn):
    with serving(tmp_path, provider(model)) as server:
        fill(server)
        model.behave(Behaviour.HANG_AFTER_FIRST)
        for _ in range(3):
            server.http.post("/chat/stream", json={"message": QUESTION, "stream_timeout": 1})
        assert sum("Stream timeout" in line for line in server.log.splitlines()) == 3


@pytest.mark.timeout(120)
def test_g3_065_the_reranking_method_is_a_setting(tmp_path: Path):
    with serving(tmp_path, {"RERANKING_METHOD": "none"}) as server:
        fill(server)
        found = server.http.get("/api/v1/search", params={"query": "lighthouse"}).json()
        assert [hit["scores"]["reranked"] for hit in found["results"]] == [None] * len(found["results"])
        assert "rerank" not in str(found["timings_ms"])
    unknown = run("serve", folder=tmp_path, environment={"RERANKING_METHOD": "foo"})
    assert unknown.returncode == 2
    assert "cross_encoder" in unknown.stdout + unknown.stderr
    for method in ("llm", "cross_encoder"):
        without_model = run("serve", folder=tmp_path, environment={"RERANKING_METHOD": method})
        assert without_model.returncode in {2, 3}, without_model.stderr
