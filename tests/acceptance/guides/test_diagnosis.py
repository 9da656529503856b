"""Why the server is slow, as the guides promise to tell it: on the machine itself and by a real search.

The machine's figures are put under the command by mounting files over those of `/proc`, where only it and its server
see them.
"""

import asyncio
import itertools
import json
import os
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.background import in_background
from tests.acceptance.mounts import inside
from tests.acceptance.server import COMMAND, Server, add_text, serving, wait_until_ready
from tests.contract.embedding.standin import StandIn
from tests.machine import lacks

_OWN = ["unshare", "-rm"]
CALM = {
    "/proc/loadavg": "0.10 0.10 0.10 1/100 1\n",
    "/proc/stat": "cpu  100 0 100 9000 0 0 0 0 0 0\ncpu0 100 0 100 9000 0 0 0 0 0 0\n",
    "/proc/meminfo": "MemTotal: 16000000 kB\nMemFree: 9000000 kB\nMemAvailable: 9600000 kB\n"
    "SwapTotal: 0 kB\nSwapFree: 0 kB\n",
}
TEXT_LINES = ("CPU Usage", "CPU Load Average", "Memory Usage", "Swap Usage", "Disk Usage", "API Response Time")


class Machine:
    """A server on a machine whose figures the test decides."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._files: dict[str, Path] = {}

    def shows(self, figures: Mapping[str, str]) -> None:
        for name, text in figures.items():
            if name not in self._files:
                self._files[name] = self.server.folder / name.replace("/", "_")
                self._files[name].write_text(text, encoding="utf-8")
                inside(self.server, "mount", "--bind", str(self._files[name]), name)
            with self._files[name].open("r+", encoding="utf-8") as file:  # the same file: it is mounted
                file.truncate()
                file.write(text)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """All its processors work, for as long as the block."""

        def work() -> None:
            for ticks in itertools.count(1000):
                os.pwrite(file, f"cpu  {ticks:06} 0 100 9000 0 0 0 0 0 0\n".encode(), 0)
                if over.wait(0.05):
                    return

        self.shows({"/proc/stat": ""})
        file, over = os.open(self._files["/proc/stat"], os.O_WRONLY), threading.Event()
        working = threading.Thread(target=work)
        working.start()
        try:
            yield
        finally:
            over.set()
            working.join()
            os.close(file)

    @contextmanager
    def on_one_processor(self) -> Iterator[None]:
        """The server, not the command that asks for its limits."""
        pid = self.server.process.pid
        before = os.sched_getaffinity(pid)
        os.sched_setaffinity(pid, {min(before)})
        try:
            yield
        finally:
            os.sched_setaffinity(pid, before)

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        begun = self.begin(*arguments, **settings)
        told, failed = begun.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, begun.returncode, told, failed)

    def begin(self, *arguments: str, **settings: str) -> subprocess.Popen[str]:
        """Run `ragkeeper …` where it sees what this machine shows."""
        entered = ["nsenter", "-t", str(self.server.process.pid), "-U", "-m", "--preserve-credentials"]
        return subprocess.Popen(
            [*entered, COMMAND, *arguments],
            cwd=self.server.folder,
            env={"PATH": os.environ["PATH"], **self.server.environment, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def diagnosed(self) -> tuple[int, dict[str, Any]]:
        done = self.run("diagnose", "performance", "--json")
        return done.returncode, json.loads(done.stdout)

    def issues(self) -> list[str]:
        return list(self.diagnosed()[1]["issues"])


@contextmanager
def machine_of(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Machine]:
    if subprocess.run([*_OWN, "true"], capture_output=True, check=False).returncode:
        lacks("needs file systems of its own (`unshare -rm`)")
    with serving(folder, settings, _OWN) as server:
        machine = Machine(server)
        machine.shows(CALM)
        yield machine


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine_of(tmp_path_factory.mktemp("machine")) as made:
        wait_until_ready(made.server, [add_text(made.server, "Bells", "A bell of silver was rung in the fog by hand.")])
        yield made


@pytest.fixture(autouse=True)
def calm(request: pytest.FixtureRequest) -> None:
    if "machine" in request.fixturenames:
        request.getfixturevalue("machine").shows(CALM)


class SlowStandIn(StandIn):
    """An embedder that answers each request so many seconds late."""

    delay = 0.0

    async def _vectors(self, request: dict[str, Any]) -> bytes:
        await asyncio.sleep(self.delay)
        return await super()._vectors(request)


@contextmanager
def slow_embedder(folder: Path) -> Iterator[tuple[Machine, SlowStandIn]]:
    with in_background(SlowStandIn()) as standin:
        settings = {
            "RAG_EMBEDDING_MODEL": "openai:m",
            "RAG_EMBEDDING_BASE_URL": standin.base_url,
            "RAG_QUERY_EMBEDDING_TIMEOUT": "20",
        }
        with machine_of(folder, settings) as machine:
            wait_until_ready(machine.server, [add_text(machine.server, "Birds", "The zyxbird sings at night alone.")])
            yield machine, standin


@pytest.mark.timeout(120)
def test_g4_091_one_command_judges_machine_and_server(tmp_path: Path):
    with machine_of(tmp_path) as machine:
        wait_until_ready(machine.server, [add_text(machine.server, "Bells", "A bell of silver was rung by hand.")])
        code, found = machine.diagnosed()
        assert (code, found["issues"]) == (0, [])
        assert found["api"]["known_answer"] is True
        assert {"cpu", "memory", "disk", "network", "api", "issues", "slow_statements", "stages"} <= found.keys()
        folder, environment = machine.server.folder, dict(machine.server.environment)
    done = subprocess.run(
        [COMMAND, "diagnose", "performance", "--json"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert any(one.startswith("API endpoint not responding: No server runs") for one in found["issues"])
    assert (found["slow_statements"], found["database"]["problem"]) == (None, "")
    assert found["database"]["tables"]["documents"] >= 1


@pytest.mark.timeout(120)
def test_g4_092_a_real_search_is_timed_and_health_apart(tmp_path: Path):
    with slow_embedder(tmp_path) as (machine, standin):
        standin.delay = 6
        _, found = machine.diagnosed()
    assert found["api"]["response_time"] > 6
    assert found["api"]["health_time"] < 1
    assert found["api"]["known_answer"] is True
    assert any(one.startswith("Slow API response time: 6.") for one in found["issues"])


def test_g4_093_the_figures_are_true(server: Server):
    found = json.loads(server.run("diagnose", "performance", "--json", check=False).stdout)
    usage = shutil.disk_usage(server.folder)
    assert found["disk"]["total"] == usage.total
    assert found["disk"]["free"] == pytest.approx(usage.free, rel=0.05)
    df = subprocess.run(["df", "--output=pcent", str(server.folder)], capture_output=True, text=True, check=True).stdout
    assert found["disk"]["percent"] == pytest.approx(float(df.split()[-1].rstrip("%")), abs=1.1)
    meminfo = {line.split(":")[0]: int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines()}
    limited = server.http.get("/health/detailed").json()["machine"]
    assert found["memory"]["total"] == (limited["memory_total"] if limited["limited"] else meminfo["MemTotal"] * 1024)
    if not limited["limited"]:
        assert found["memory"]["available"] == pytest.approx(meminfo["MemAvailable"] * 1024, rel=0.05)
        assert found["memory"]["percent"] == pytest.approx(
            100 * (1 - meminfo["MemAvailable"] / meminfo["MemTotal"]), abs=5
        )
    network = [line.split(":")[1].split() for line in Path("/proc/net/dev").read_text().splitlines()[2:]]
    for name, column in (("bytes_recv", 0), ("packets_recv", 1), ("bytes_sent", 8), ("packets_sent", 9)):
        assert found["network"][name] == pytest.approx(sum(int(row[column]) for row in network), rel=0.05)
    assert found["cpu"]["count"] <= len(os.sched_getaffinity(0))
    assert found["cpu"]["load_avg"][2] == pytest.approx(os.getloadavg()[2], rel=0.05, abs=0.2)
    assert 0 <= found["cpu"]["percent"] <= 100
    disks = [line.split() for line in Path("/proc/diskstats").read_text().splitlines()]
    whole = {one.name for one in Path("/sys/block").iterdir() if not one.name.startswith(("loop", "ram", "zram"))}
    for name, column in (("read_bytes", 5), ("write_bytes", 9)):
        true = 512 * sum(int(words[column]) for words in disks if words[2] in whole)
        assert found["disk"][name] == pytest.approx(true, rel=0.05)


@pytest.mark.timeout(120)
def test_g4_094_busy_processors_are_an_issue(machine: Machine, server: Server):
    assert machine.issues() == []
    cores = sorted(os.sched_getaffinity(0))
    busy = [subprocess.Popen(["taskset", "-c", str(core), "sh", "-c", "while :; do :; done"]) for core in cores]
    try:
        time.sleep(0.5)
        done = server.run("diagnose", "performance", check=False)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    [issue] = [line for line in done.stdout.splitlines() if line.startswith("- High CPU usage: ")]
    assert 80 < float(issue.split(": ")[1].rstrip("%")) <= 100


@pytest.mark.timeout(120)
def test_g4_095_load_above_the_usable_cores_is_an_issue(machine: Machine):
    cores = os.cpu_count() or 1
    machine.shows({"/proc/loadavg": f"{2 * cores}.04 1.00 1.00 9/100 1\n"})
    assert machine.issues() == [f"High load average: {2 * cores}.04"]
    machine.shows({"/proc/loadavg": f"{cores}.00 1.00 1.00 9/100 1\n"})
    assert machine.issues() == []
    machine.shows({"/proc/loadavg": "1.50 1.00 1.00 9/100 1\n"})
    with machine.on_one_processor():
        assert machine.diagnosed()[1]["cpu"]["count"] == 1
        # Idle itself: others wait, for processors that it may not use.
        assert machine.issues() == []
        with machine.busy():
            assert machine.issues() == ["High CPU usage: 100.0%", "High load average: 1.50"]


def test_g4_096_memory_above_the_limit_is_an_issue(machine: Machine):
    def used(percent: int) -> dict[str, str]:
        left = 16_000_000 * (100 - percent) // 100
        return {"/proc/meminfo": CALM["/proc/meminfo"].replace("MemAvailable: 9600000", f"MemAvailable: {left}")}

    machine.shows(used(88))
    assert machine.issues() == ["High memory usage: 88.0%"]
    machine.shows(used(60))
    assert machine.issues() == []


def test_g4_097_swap_above_half_is_an_issue_and_no_swap_is_none(machine: Machine):
    swap = CALM["/proc/meminfo"].replace("SwapTotal: 0", "SwapTotal: 1000").replace("SwapFree: 0", "SwapFree: 400")
    machine.shows({"/proc/meminfo": swap})
    assert machine.issues() == ["High swap usage: 60.0%"]
    machine.shows(CALM)
    code, found = machine.diagnosed()
    assert (code, found["memory"]["swap_percent"], found["issues"]) == (0, 0.0, [])


@pytest.mark.timeout(120)
def test_g4_098_a_nearly_full_path_is_named(tmp_path: Path):
    with machine_of(tmp_path) as machine:
        backups = tmp_path / "data" / "backups"
        inside(machine.server, "mount", "-t", "tmpfs", "-o", "size=10m", "tmpfs", str(backups))
        assert machine.issues() == []
        inside(machine.server, "sh", "-c", f"head -c 9650000 /dev/zero > {backups}/old.tar")
        [issue] = machine.issues()
        assert issue.startswith("Low disk space: 92.")
        assert issue.endswith(f"% used ({backups})")


@pytest.mark.timeout(120)
def test_g4_099_a_server_that_does_not_answer_is_an_issue(tmp_path: Path):
    with machine_of(tmp_path) as machine:
        wait_until_ready(machine.server, [add_text(machine.server, "Bells", "A bell of silver was rung by hand.")])
        assert machine.issues() == []
        with sqlite3.connect(tmp_path / "data" / "ragkeeper.db") as truth:
            truth.execute("ALTER TABLE chunks RENAME TO misplaced")
        [issue] = machine.issues()
        assert issue.startswith("API endpoint not responding: ")
        assert "answers 500" in issue
    done = subprocess.run(
        [COMMAND, "--data-dir", tmp_path / "data", "diagnose", "performance"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "- API endpoint not responding" in done.stdout


@pytest.mark.timeout(120)
def test_g4_100_a_slow_answer_names_its_stage(tmp_path: Path):
    with slow_embedder(tmp_path) as (machine, standin):
        assert machine.issues() == []
        standin.delay = 6
        [issue] = machine.issues()
    assert issue.startswith("Slow API response time: 6.")
    assert "slowest stage: embed, 6." in issue


def test_g4_101_the_text_report_has_every_line(machine: Machine):
    for figures, code, last in (
        ({}, 0, "- No issues detected"),
        ({"/proc/loadavg": "64.25 1.00 1.00 9/100 1\n"}, 1, "- High load average: 64.25"),
    ):
        machine.shows(figures)
        done = machine.run("diagnose", "performance")
        lines = done.stdout.splitlines()
        assert (done.returncode, lines[0], lines[-1]) == (code, "Performance Diagnostics Report", last)
        assert lines[1].startswith("Generated: 20")
        metrics = lines[lines.index("System Metrics:") + 1 :][: len(TEXT_LINES)]
        assert [line.split(":")[0] for line in metrics] == [f"- {name}" for name in TEXT_LINES]
        assert lines[-2] == "Issues Detected:"


SLOW_VIEW = """
ALTER TABLE sources RENAME TO real_sources;
CREATE VIEW sources AS SELECT real_sources.* FROM real_sources WHERE (
  WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {rounds}) SELECT max(x) FROM n) > 0;
"""


@pytest.mark.timeout(120)
def test_g3_008_slow_statements_are_listed_without_their_values(tmp_path: Path):
    rounds = rounds_of(0.3)
    with serving(tmp_path) as server:
        server.http.post("/api/v1/sources", json={"kind": "folder", "location": str(tmp_path), "name": "kept-private"})
        with sqlite3.connect(tmp_path / "data" / "ragkeeper.db") as truth:
            truth.executescript(SLOW_VIEW.format(rounds=rounds))
        assert server.http.get("/api/v1/sources").status_code == 200
        found = json.loads(server.run("diagnose", "performance", "--json", check=False).stdout)
        text = server.run("diagnose", "performance", check=False).stdout
    slow = [one for one in found["slow_statements"] if "FROM sources" in one["text"]]
    assert slow
    assert len({one["text"] for one in slow}) == len(slow)
    assert all(one["longest"] >= 0.1 and one["count"] >= 1 for one in slow)
    for one in found["slow_statements"]:
        assert "kept-private" not in one["text"]
        assert not any(character.isdecimal() for character in one["text"].replace("_1", "").replace("_2", ""))
    assert "FROM sources" in text


def rounds_of(seconds: float) -> int:
    """How far SQLite counts here in that time when nothing else is going on: in the best of some tries."""
    counted = 200_000
    statement = (
        f"WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {counted}) SELECT max(x) FROM n"  # noqa: S608 - a number
    )
    spent = []
    with closing(sqlite3.connect(":memory:")) as connection:
        for _ in range(7):
            began = time.perf_counter()
            connection.execute(statement).fetchall()
            spent.append(time.perf_counter() - began)
    return round(counted * seconds / min(spent))
