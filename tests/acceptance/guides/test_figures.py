"""Figures on `/metrics` against what the machine and the product's own answers say."""

import json
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.health.repository import machine
from ragkeeper.operations.metrics.machine import MachineFigures
from tests.acceptance.guides.test_answers import fill, provider
from tests.acceptance.guides.texts import lighthouse
from tests.acceptance.server import Server, add_text, serving, wait_for, wait_until_ready
from tests.contract.chat.standin import Behaviour, StandIn

Series = dict[tuple[str, ...], float]

OF_THE_GUIDES = (
    "http_requests_total",
    "http_request_duration_seconds",
    "rag_llm_latency_seconds",
    "rag_cache_hits_total",
    "rag_circuit_breaker_state",
    "rag_circuit_breaker_transitions_total",
    "rag_rate_limit_remaining",
    "pg_stat_database_numbackends",
    "pg_settings_max_connections",
    "node_memory_MemTotal_bytes",
    "node_memory_MemAvailable_bytes",
    "node_cpu_seconds_total",
    "node_filesystem_avail_bytes",
    "node_filesystem_size_bytes",
)


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose requests these tests alone send."""
    with serving(tmp_path_factory.mktemp("figures")) as running:
        yield running


def series(server: Server, name: str) -> Series:
    """The values of a metric by its labels' values, in the order of their names."""
    families = text_string_to_metric_families(server.http.get("/metrics").text)
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return {tuple(value for _, value in sorted(sample.labels.items())): sample.value for sample in samples}


def value(server: Server, name: str, *labels: str) -> float:
    return series(server, name).get(labels, 0.0)


def random_file(megabytes: int) -> bytes:
    return secrets.token_bytes(megabytes * 1_000_000)


def upload(server: Server, name: str, content: bytes) -> httpx.Response:
    return server.http.post("/api/v1/documents", files={"file": (name, content)})


def test_g0_079_metrics_are_valid_text_with_the_names_of_all_guides(
    counted: Server, require_binary: Callable[[str], Path]
):
    text = counted.http.get("/metrics").text
    checked = subprocess.run(
        [require_binary("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    # The names of node_exporter's own metrics are not in the style that promtool advises.
    advice = [line for line in checked.stderr.splitlines() if not re.match(r"node_memory_\w+_bytes .*camelCase", line)]
    assert advice == []
    names = {family.name for family in text_string_to_metric_families(text)}
    assert {name.removesuffix("_total") for name in OF_THE_GUIDES} - names == set()


def test_g0_085_request_time_has_an_edge_at_every_limit(counted: Server):
    before = value(counted, "http_request_duration_seconds_count", "GET", "/api/v1/documents")
    for _ in range(100):
        counted.http.get("/api/v1/documents")
    assert value(counted, "http_request_duration_seconds_count", "GET", "/api/v1/documents") - before == 100
    found = series(counted, "http_request_duration_seconds_bucket")
    edges = {labels[0] for labels in found if labels[1:] == ("GET", "/api/v1/documents")}
    assert {"2.0", "3.0", "5.0"} <= edges
    assert max(float(edge) for edge in edges - {"+Inf"}) > 5


@pytest.mark.timeout(120)
def test_g0_087_requests_are_counted_once_and_never_fall(tmp_path: Path):
    def paths() -> Series:
        return {
            labels: count
            for labels, count in series(server, "http_requests_total").items()
            if "metrics" not in labels[1]
        }

    with serving(tmp_path) as server:
        begin = paths()
        totals = []
        for number in range(1000):
            server.http.get("/api/v1/documents" if number < 500 else f"/{secrets.token_hex(8)}")
            if number % 50 == 0:
                totals.append(sum(paths().values()))
        end = paths()
    assert totals == sorted(totals)
    assert sum(end.values()) - sum(begin.values()) == 1000
    assert (
        len({labels[1] for labels in end} - {labels[1] for labels in begin}) == 2
    )  # the route's, and one for all others
    assert end["GET", "unknown", "404"] == 500


@pytest.mark.timeout(120)
def test_g1_031_gauges_follow_the_documents(tmp_path: Path):
    with serving(tmp_path) as server:
        documents = [add_text(server, f"Lighthouse {number}", lighthouse(number)) for number in range(7)]
        wait_until_ready(server, documents)
        for document in documents[:2]:
            assert server.http.delete(f"/api/v1/documents/{document}").is_success
        wait_for(lambda: value(server, "rag_documents", "default") == 5)
        assert value(server, "rag_documents_searchable", "default") == 5
        n_chunks = server.http.get("/status").json()["documents"]["chunks"]
        assert value(server, "rag_chunks", "default") == n_chunks > 0


@pytest.mark.timeout(120)
def test_g4_015_documents_and_bytes_are_counted_and_each_step_timed(tmp_path: Path):
    texts = [lighthouse(number) for number in range(20)]
    with serving(tmp_path) as server:
        wait_until_ready(server, [add_text(server, f"L {number}", text) for number, text in enumerate(texts)])
        bad = [upload(server, f"{number}.pdf", b"%PDF-1.4 cut" + bytes([number])).json()["id"] for number in range(2)]
        wait_until_ready(server, bad, "failed")
        processed = series(server, "rag_documents_processed_total")
        sizes = series(server, "rag_document_bytes_processed_total")
        steps = series(server, "rag_ingest_step_seconds_count")
    assert processed == {("none", "ok"): 20, ("file_damaged", "failed"): 2}
    assert sizes["ok",] == sum(len(text.encode()) for text in texts)
    assert sizes["failed",] == 26
    assert steps == {("wait",): 22, ("parse",): 22, ("chunk",): 20, ("save",): 20, ("embed",): 20}


def test_g4_019_memory_is_told_by_role(counted: Server):
    def agrees() -> bool:
        told = {name: value(counted, f"rag_process_{name}_memory_bytes", "api") for name in ("resident", "unique")}
        lines = Path(f"/proc/{counted.process.pid}/smaps_rollup").read_text().splitlines()[1:]
        sizes = {line.split()[0]: int(line.split()[1]) * 1024 for line in lines}
        own = sizes["Private_Clean:"] + sizes["Private_Dirty:"]
        return told == {"resident": pytest.approx(sizes["Rss:"], rel=0.05), "unique": pytest.approx(own, rel=0.05)}

    wait_for(agrees)
    children = Path(f"/proc/{counted.process.pid}/task/{counted.process.pid}/children")
    if children.exists() and children.read_text().split():
        assert value(counted, "rag_process_resident_memory_bytes", "parser") > 0
    assert value(counted, "rag_machine_memory_bytes") == pytest.approx(_meminfo()["MemTotal"], rel=0.01)
    assert series(counted, "rag_container_memory_limit_bytes") != {}


@pytest.mark.timeout(120)
def test_g4_020_bytes_written_and_space_left_are_told(counted: Server):
    written = value(counted, "rag_process_written_bytes_total", "api")
    [(place, free)] = series(counted, "node_filesystem_avail_bytes").items()
    assert upload(counted, "noise.bin", random_file(100)).is_success
    wait_for(lambda: value(counted, "rag_process_written_bytes_total", "api") - written >= 100_000_000)
    # Others write to this disk and free space there too.
    wait_for(lambda: free - value(counted, "node_filesystem_avail_bytes", *place) >= 80_000_000)
    stat = os.statvfs(counted.folder)
    assert value(counted, "node_filesystem_files", *place) == stat.f_files
    assert value(counted, "node_filesystem_files_free", *place) == pytest.approx(stat.f_ffree, rel=0.01)


@pytest.mark.timeout(120)
def test_g4_021_bytes_of_the_network_are_told(counted: Server):
    before = value(counted, "node_network_receive_bytes_total", "lo")
    sent = value(counted, "node_network_transmit_bytes_total", "lo")
    assert upload(counted, "more.bin", random_file(50)).is_success
    wait_for(lambda: value(counted, "node_network_receive_bytes_total", "lo") - before >= 50_000_000)
    assert value(counted, "node_network_transmit_bytes_total", "lo") - sent >= 50_000_000


@pytest.mark.timeout(180)
def test_g4_022_the_state_of_each_part_is_a_gauge(tmp_path: Path, model: StandIn):
    def model_is(state: float) -> Callable[[], bool]:
        return lambda: (
            (value(server, "rag_component_ok", "llm_service"), value(server, "rag_component_ok", "api")) == (state, 1)
        )

    with serving(tmp_path, provider(model)) as server:
        fill(server)
        assert series(server, "rag_capability_ok") == {
            (name,): 1 for name in ("retrieve", "generate", "ingest", "admin")
        }
        wait_for(model_is(1))
        model.behave(Behaviour.STATUS, status=503)
        server.http.post("/chat", json={"message": "When does the fog bell ring?"})
        wait_for(model_is(0), 30)
        assert value(server, "rag_capability_ok", "generate") == 0
        assert value(server, "rag_capability_ok", "retrieve") == 1
        assert value(server, "rag_component_ok", "api") == 1
        model.behave(Behaviour.REPLY)
        wait_for(model_is(1), 60)


def test_g4_032_memory_is_told_under_the_usual_names(counted: Server, tmp_path: Path):
    names = {"MemTotal": "node_memory_MemTotal_bytes", "MemAvailable": "node_memory_MemAvailable_bytes"}

    def agree() -> bool:
        here = _meminfo()
        return all(value(counted, told) == pytest.approx(here[name], rel=0.01) for name, told in names.items())

    limited = machine()
    if limited is not None and not limited.limited:
        wait_for(agree)
    assert _in_a_container(tmp_path, 1_000_000_000) == 1_000_000_000


def _in_a_container(folder: Path, limit: int) -> float:
    """What is told where the control group of the process has this limit."""
    group = folder / "groups" / "box"
    group.mkdir(parents=True)
    for name, text in {
        "memory.max": f"{limit}\n",
        "memory.current": "5000000\n",
        "memory.stat": "inactive_file 0\n",
    }.items():
        (group / name).write_text(text)
    proc = folder / "proc"
    (proc / "self").mkdir(parents=True)
    for name in ("meminfo", "loadavg", "stat"):
        shutil.copy(f"/proc/{name}", proc / name)
    (proc / "net").mkdir()
    shutil.copy("/proc/net/dev", proc / "net/dev")
    (proc / "self/cgroup").write_text("0::/box\n")
    metrics = Metrics()
    MachineFigures(metrics, lambda: machine(proc, folder / "groups"), proc)._look()
    families = {family.name: family for family in metrics.families()}
    return float(families["node_memory_MemTotal_bytes"].samples[0].value)


def test_g4_034_processor_time_is_told_by_core_and_mode(counted: Server):
    def idle() -> dict[str, float]:
        found = series(counted, "node_cpu_seconds_total")
        return {cpu: seconds for (cpu, mode), seconds in found.items() if mode == "idle"}

    def all_modes() -> float:
        return sum(series(counted, "node_cpu_seconds_total").values())

    def looked_up() -> tuple[float, float]:
        """As soon as they were looked up anew, which is not at each scrape; and what the kernel says then."""
        old = all_modes()
        wait_for(lambda: all_modes() != old)
        return all_modes(), _ticked()

    # By the kernel's own account, not by a clock: a virtual machine that was held up has fewer ticks than seconds.
    before, began = looked_up()
    time.sleep(5)
    after, ended = looked_up()
    told = idle()
    assert after - before == pytest.approx(ended - began, rel=0.1)
    ticks = os.sysconf("SC_CLK_TCK")
    lines = [line.split() for line in Path("/proc/stat").read_text().splitlines() if re.match(r"cpu\d", line)]
    assert told == {words[0][3:]: pytest.approx(int(words[4]) / ticks, abs=5) for words in lines}


def _ticked() -> float:
    """Seconds of all cores and modes, guests' left out: the kernel counts them as the user's too."""
    words = Path("/proc/stat").read_text().splitlines()[0].split()
    return sum(map(int, words[1:9])) / os.sysconf("SC_CLK_TCK")


def test_g4_036_file_systems_are_told_with_place_and_kind(counted: Server, require_binary: Callable[[str], Path]):
    command = [require_binary("df"), "-B1", "--output=source,fstype,target,size,avail", counted.folder]
    device, kind, place, size, available = (
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[1].split()
    )
    assert value(counted, "node_filesystem_size_bytes", device, kind, place) == pytest.approx(int(size), rel=0.01)
    assert value(counted, "node_filesystem_avail_bytes", device, kind, place) == pytest.approx(int(available), rel=0.01)


def _meminfo() -> dict[str, int]:
    words = [line.replace(":", " ").split() for line in Path("/proc/meminfo").read_text().splitlines()]
    return {line[0]: int(line[1]) * 1024 for line in words}


@pytest.mark.timeout(120)
def test_g4_014_refused_and_failed_requests_are_shown_apart(tmp_path: Path):
    with serving(tmp_path) as server:
        with sqlite3.connect(tmp_path / "data" / "ragkeeper.db") as truth:
            truth.execute("ALTER TABLE sources RENAME TO misplaced")
        for path, times in (("/api/v1/documents", 85), ("/api/v1/documents/none", 10), ("/api/v1/sources", 5)):
            for _ in range(times):
                # A connection of its own: the server closes one in which something crashed.
                server.http.get(path, headers={"Connection": "close"})
        counts = series(server, "http_requests_total")
        traffic = server.http.get("/status").json()["traffic"]
        told = json.loads(server.run("status", "--json").stdout)["traffic"]
    assert {status: counts["GET", path, status] for _, path, status in counts if path.startswith("/api")} == {
        "200": 85,
        "404": 10,
        "500": 5,
    }
    for shown in (traffic, told):
        assert (shown["refused_share"], shown["error_share"]) == (0.1, 0.05)
