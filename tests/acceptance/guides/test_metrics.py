"""What Prometheus reads: model calls, stages, index queries, failed requests."""

import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.guides.test_answers import QUESTION, ask, fill, provider
from tests.acceptance.server import Server, serving
from tests.contract.chat.standin import StandIn

STAGES = ("embed", "search", "fuse", "confirm", "generate", "verify")


def figures(server: Server, name: str, label: str = "") -> dict[str, float]:
    """A metric's values by one of its labels."""
    families = text_string_to_metric_families(server.http.get("/metrics").text)
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return {sample.labels.get(label, ""): sample.value for sample in samples}


@pytest.mark.timeout(120)
def test_g2_041_a_failed_request_has_its_line(tmp_path: Path, require_binary: Callable[[str], Path]):
    curl = require_binary("curl")
    with serving(tmp_path) as server:
        with sqlite3.connect(tmp_path / "data" / "ragkeeper.db") as truth:
            truth.execute("ALTER TABLE sources RENAME TO misplaced")
        assert server.http.get("/api/v1/sources").status_code == 500
        command = f"{curl} -s {server.stranger.base_url}/metrics | grep http_requests_total | grep 'status=\"5'"
        found = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout.splitlines()
    assert found == ['http_requests_total{method="GET",path="/api/v1/sources",status="500"} 1.0']


@pytest.mark.timeout(120)
def test_g2_042_model_calls_are_timed(tmp_path: Path, model: StandIn):
    with serving(tmp_path, provider(model)) as server:
        fill(server)
        model.delay = 2
        for number in range(10):
            server.http.post("/chat", json={"message": f"{QUESTION} And {number}?"})
        model.delay = 0
        assert figures(server, "rag_llm_latency_seconds_count", "outcome") == {"ok": 10}
        assert 20 <= figures(server, "rag_llm_latency_seconds_sum", "outcome")["ok"] < 22
        buckets = figures(server, "rag_llm_latency_seconds_bucket", "le")
        assert (buckets["1.0"], buckets["3.0"], buckets["+Inf"]) == (0, 10, 10)


@pytest.mark.timeout(120)
def test_g2_068_each_stage_is_timed(tmp_path: Path, model: StandIn):
    with serving(tmp_path, provider(model)) as server:
        fill(server)
        ask(server)
        before = figures(server, "rag_stage_seconds_sum", "stage")
        model.delay = 1
        timings = dict(ask(server)["timings_ms"])  # type: ignore[call-overload]
        model.delay = 0
        after = figures(server, "rag_stage_seconds_sum", "stage")
    assert set(STAGES) <= set(timings)
    spent = {stage: after[stage] - before[stage] for stage in after}
    assert 1 <= spent.pop("generate") < 1.5
    assert max(spent.values()) < 0.5
    assert 1000 <= timings.pop("generate") < 1500
    assert max(timings[stage] for stage in STAGES if stage in timings) < 500


def test_g4_016_index_queries_are_timed_by_mode(server: Server):
    for mode in ("dense", "lexical", "hybrid"):
        counts = figures(server, "vector_search_duration_seconds_count", "mode")
        sums = figures(server, "vector_search_duration_seconds_sum", "mode")
        told = 0.0
        for number in range(50):
            found = server.http.get("/api/v1/search", params={"query": f"fog bell {number}", "mode": mode}).json()
            told += found["timings_ms"]["search"] / 1000
        assert figures(server, "vector_search_duration_seconds_count", "mode")[mode] - counts[mode] == 50
        spent = figures(server, "vector_search_duration_seconds_sum", "mode")[mode] - sums[mode]
        assert spent == pytest.approx(told, rel=0.1)
    assert min(float(bound) for bound in figures(server, "vector_search_duration_seconds_bucket", "le")) == 0.001


@pytest.mark.timeout(120)
def test_g4_017_model_calls_are_timed_to_the_first_token_and_to_the_end(tmp_path: Path, model: StandIn):
    with serving(tmp_path, provider(model)) as server:
        fill(server)
        # A second before the first of three pieces, another before each of the others.
        model.delay, model.pause = 1, 1
        server.http.post("/chat/stream", json={"message": QUESTION})
        model.delay, model.pause = 0, 0
        [first] = figures(server, "rag_llm_first_token_seconds_sum").values()
        [whole] = figures(server, "rag_llm_latency_seconds_sum").values()
    assert first == pytest.approx(1, abs=0.3)
    assert whole == pytest.approx(len(model.pieces), abs=0.5)
