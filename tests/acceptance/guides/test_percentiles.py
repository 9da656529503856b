"""Times, failures, processors and memory: the same on the dashboard, on status and in what the server remembers."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.guides.test_alerts import address, panel
from tests.acceptance.guides.test_answers import QUESTION, provider
from tests.acceptance.guides.test_figures import series, value
from tests.acceptance.guides.test_status import status
from tests.acceptance.guides.texts import lighthouse
from tests.acceptance.server import Server, add_text, serving, wait_for
from tests.contract.chat.standin import StandIn
from tests.integration.monitoring.stack import programs, watching

Require = Callable[[str], Path]
DOCUMENTS = 3
SLOW = {"p50": (0.0, 0.5), "p95": (2.0, 3.0), "p99": (2.0, 3.0)}


def fill_quietly(server: Server) -> None:
    """Waits without requests that would count as those of users."""
    for number in range(DOCUMENTS):
        add_text(server, f"L {number}", lighthouse(number))
    wait_for(lambda: value(server, "rag_documents_searchable", "default") == DOCUMENTS)


def chat(server: Server, number: int) -> None:
    assert server.http.post("/chat", json={"message": f"{QUESTION} And in {number}?"}).is_success


def median_within(server: Server) -> float:
    """The bound in the metrics below which half of the answers lie."""
    buckets = {
        float(labels[0]): count
        for labels, count in series(server, "http_request_duration_seconds_bucket").items()
        if labels[1:] == ("POST", "/chat")
    }
    return min(bound for bound, count in buckets.items() if count >= max(buckets.values()) / 2)


def remembered(server: Server, name: str, least: int) -> dict[str, Any]:
    """The whole of the last minutes, once it holds so many requests."""

    def whole() -> dict[str, Any]:
        found = json.loads(server.run("history", "show", name, "--hours", "0.2", "--json").stdout)
        return dict(found["whole"] or {})

    wait_for(lambda: (whole().get("count") or 0) >= least, 100)
    return whole()


@pytest.mark.timeout(300)
def test_g4_012_three_percentiles_come_from_one_histogram(tmp_path: Path, model: StandIn, require_binary: Require):
    found = programs(require_binary)
    with serving(tmp_path / "server", provider(model)) as server:
        fill_quietly(server)
        chat(server, 0)
        server.http.get("/api/v1/search", params={"query": "fog"})
        with watching(found, tmp_path, [address(server)], "--time-scale=0.4") as stack:
            wait_for(lambda: bool(stack.query("rag_ready == 1")), 60)
            model.delay = 2
            for number in range(10):
                for other in range(9):
                    server.http.get("/api/v1/search", params={"query": f"fog {number} {other}"})
                chat(server, number + 1)
            queries = panel(stack, "rag-system-overview", "API Response Times")
            shown = {name: next(q for legend, q in queries.items() if name[1:] in legend) for name in SLOW}
            for name, (least, most) in SLOW.items():
                wait_for(lambda n=name, a=least, b=most: a <= stack.value(shown[n]) <= b, 30)  # type: ignore[misc]
        told = status(server)["traffic"]
        kept = remembered(server, "response_time", 100)
    for name, (least, most) in SLOW.items():
        assert least <= told[name] <= most
        assert least <= kept[name] <= most


@pytest.mark.timeout(300)
def test_g1_030_times_failures_processors_and_memory_agree(tmp_path: Path, model: StandIn):
    with serving(tmp_path / "a", provider(model)) as server:
        fill_quietly(server)
        for number in range(50):
            chat(server, number)
        quick = status(server)["traffic"]["p50"]
        assert median_within(server) <= 0.25
    model.delay = 0.5
    with serving(tmp_path / "b", provider(model)) as server:
        fill_quietly(server)
        for number in range(100 - 5 - DOCUMENTS):
            chat(server, number)
        with sqlite3.connect(tmp_path / "b/data/ragkeeper.db") as truth:
            truth.execute("ALTER TABLE sources RENAME TO misplaced")
        for _ in range(5):
            assert server.http.get("/api/v1/sources", headers={"Connection": "close"}).status_code == 500
        told = status(server)
        assert told["traffic"]["p50"] - quick == pytest.approx(0.5, abs=0.2)
        assert told["traffic"]["error_share"] == 0.05
        assert value(server, "http_requests_total", "GET", "/api/v1/sources", "500") == 5
        assert value(server, "rag_errors_total", "internal_error") == 5
        assert median_within(server) == 0.75
        wait_for(lambda: agrees(server), 60)
        kept = remembered(server, "response_time", 100)
        assert kept["p50"] - quick == pytest.approx(0.5, abs=0.2)
        names = {one["name"] for one in json.loads(server.run("history", "list", "--json").stdout)["series"]}
        assert {"cpu", "memory", "own_cpu:api", "own_memory:api", "error_rate"} <= names
        failed = json.loads(server.run("history", "show", "error_rate", "--hours", "0.2", "--json").stdout)["whole"]
        # Who looked at the history meanwhile has asked too.
        assert failed["value"] == pytest.approx(500 / kept["count"], abs=0.3)


def agrees(server: Server) -> bool:
    """Processor time and memory of the process and memory of the machine with the kernel's, on both, within 5 %."""
    told = status(server)
    folder = Path(f"/proc/{server.process.pid}")
    words = (folder / "stat").read_text().rsplit(")", 1)[1].split()
    cpu = (int(words[11]) + int(words[12])) / 100
    resident = int((folder / "statm").read_text().split()[1]) * 4096
    meminfo = {
        line.split(":")[0]: int(line.split()[1]) * 1024 for line in Path("/proc/meminfo").read_text().splitlines()
    }
    pairs = [
        # Of this one process: the server's own threads do the worker's work here, and no child does.
        (sum(told["processes"][role]["cpu_seconds"] for role in ("api", "worker")), cpu),
        (sum(value(server, "rag_process_cpu_seconds_total", role) for role in ("api", "worker")), cpu),
        (told["processes"]["api"]["resident"], resident),
        (value(server, "rag_process_resident_memory_bytes", "api"), resident),
    ]
    if not told["machine"]["limited"]:
        pairs.append((told["machine"]["memory_total"] - told["machine"]["memory_used"], meminfo["MemAvailable"]))
        pairs.append((value(server, "node_memory_MemAvailable_bytes"), meminfo["MemAvailable"]))
    return all(shown == pytest.approx(true, rel=0.05) for shown, true in pairs)
