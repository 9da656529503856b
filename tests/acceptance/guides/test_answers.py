"""Switches of the answer pipeline, and streams that end in time, proven against a stand-in for a model server."""

import itertools
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.guides.texts import lighthouse
from tests.acceptance.server import Server, add_text, events, run, serving, wait_for, wait_until_ready
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


@pytest.mark.timeout(120)
def test_g3_026_a_stream_ends_at_its_limit(tmp_path: Path, model: StandIn):
    with serving(tmp_path, {**provider(model), "RAG_STREAM_TIMEOUT": "5"}) as server:
        fill(server)
        model.behave(Behaviour.HANG_AFTER_FIRST)
        for asked, limit in ((2, 2), (1_000_000, 5)):
            began = time.monotonic()
            stream = server.http.post("/chat/stream", json={"message": QUESTION, "stream_timeout": asked})
            assert limit - 0.5 < time.monotonic() - began < limit + 2
            states = [data for name, data in events(stream.text) if name == "status"]
            limited = [data["detail"] for data in states if data["stage"] == "limited"]
            assert limited == (["5 seconds at most"] if asked > 5 else [])
        for asked in (0, -1):
            refused = server.http.post("/chat/stream", json={"message": QUESTION, "stream_timeout": asked})
            assert refused.status_code == 422


@pytest.mark.timeout(120)
def test_g3_024_a_stream_at_its_limit_sends_one_timeout(tmp_path: Path, model: StandIn):
    with serving(tmp_path, provider(model)) as server:
        fill(server)
        model.behave(Behaviour.HANG_AFTER_FIRST)
        began = time.monotonic()
        # The answer's text is whole only once the connection is closed.
        stream = server.http.post("/api/chat/stream", json={"message": QUESTION, "stream_timeout": 2})
        assert 1.5 < time.monotonic() - began < 4
        sent = events(stream.text)
        assert [data["code"] for name, data in sent if name == "error"] == ["TIMEOUT"]
        assert sent[-1][0] == "error"
        talk = server.http.get("/api/v1/conversations").json()["items"][0]["id"]
        messages = server.http.get(f"/api/v1/conversations/{talk}/messages").json()["items"]
        assert [message["details"].get("unfinished", False) for message in messages] == [False, True]
        assert messages[-1]["content"] == model.pieces[0]


@pytest.mark.timeout(120)
def test_a_key_as_bearer_token_opens_the_stream_of_named_events(
    tmp_path: Path, model: StandIn, require_binary: Callable[[str], Path]
):
    """As typed: curl with a token and data, and nothing said of the data's type."""
    with serving(tmp_path, provider(model)) as server:
        fill(server)
        address = f"{str(server.http.base_url).rstrip('/')}/api/chat/stream"
        body = json.dumps({"message": QUESTION, "stream_timeout": 60})
        token = f"Authorization: Bearer {server.http.headers['X-API-Key']}"
        asked = [require_binary("curl"), "-sS", "-N", "-X", "POST", address, "-d", body]
        sent = subprocess.run([*asked, "-H", token], capture_output=True, text=True, check=True, timeout=60)
        names = [name for name, _ in itertools.groupby(name for name, _ in events(sent.stdout))]
        assert names == ["status", "sources", "status", "token", "citations", "done"]
        unsaid = subprocess.run(
            [*asked, "-H", token, "-H", "Content-Type:"], capture_output=True, text=True, check=True, timeout=60
        )
        assert events(unsaid.stdout)[-1][0] == "done"
        refused = subprocess.run([*asked, "-f"], capture_output=True, check=False, timeout=60)
        assert (refused.returncode, refused.stdout) == (22, b"")
        model.behave(Behaviour.ENDLESS)
        model.hung_up.clear()
        with subprocess.Popen([*asked, "-H", token], stdout=subprocess.PIPE, text=True) as client:
            assert client.stdout is not None
            next(line for line in client.stdout if line == "event: token\n")
            client.kill()
        wait_for(model.hung_up.is_set, 2)


@pytest.mark.timeout(120)
def test_g3_027_each_stream_that_runs_out_of_time_is_logged(tmp_path: Path, model: StandIn):
    with serving(tmp_path, provider(model)) as server:
        fill(server)
        model.behave(Behaviour.HANG_AFTER_FIRST)
        for number in range(3):
            named = {"X-Request-ID": f"slow-{number}"}
            server.http.post("/chat/stream", json={"message": QUESTION, "stream_timeout": 1}, headers=named)
        records = [json.loads(line) for line in server.log.splitlines() if "Stream timeout" in line]
    assert [record["event"] for record in records] == ["Stream timeout"] * 3
    assert [record["request_id"] for record in records] == ["slow-0", "slow-1", "slow-2"]
    assert [(record["limit_seconds"], record["stage"]) for record in records] == [(1, "generating")] * 3


@pytest.mark.timeout(120)
def test_g3_064_compression_is_a_switch(tmp_path: Path, model: StandIn):
    """The stand-in copies one sentence of each passage, as a model asked to compress does, and cites it in answers."""
    copied = "The silver bell was rung on foggy nights."
    model.pieces = (f"{copied}\n", "On foggy nights the silver bell was rung [1].")
    prompts, cited = [], []
    for switch in ("false", "true"):
        with serving(tmp_path / switch, {**provider(model), "RAG_USE_COMPRESSION": switch}) as server:
            text = {f"L {number}": f"{lighthouse(number)} {copied} {lighthouse(number + 50)}" for number in range(6)}
            wait_until_ready(server, [add_text(server, title, whole) for title, whole in text.items()])
            citations = server.http.post("/chat", json={"message": QUESTION}).json()["citations"]
            cited.append([(text[one["title"]][one["start"] : one["end"]], one["quote"]) for one in citations])
            prompts.append("\n".join(message["content"] for message in model.requests[-1]["messages"]))
    whole, cut = prompts
    assert len(cut) < len(whole) / 2
    assert lighthouse(0) in whole
    assert lighthouse(0) not in cut
    assert copied in cut
    for pairs in cited:
        assert pairs
        assert [(span, quote) for span, quote in pairs if span != quote] == []


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
