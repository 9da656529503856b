"""Alerts and panels about the machine, in a real Prometheus that reads a real server.

The server runs where the files of the kernel are the test's: what a machine or a container does is decided here, and
runs on by the clock. Waits and windows of the rules are a fiftieth.
"""

import asyncio
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ragkeeper.core.figures.holdings import ALERT_CHANNEL_OK
from ragkeeper.core.figures.machine import TABLE
from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.alerts.channels.fake import FakeChannel
from ragkeeper.operations.alerts.messages import Sender
from ragkeeper.operations.alerts.models import Scene
from ragkeeper.operations.alerts.rules import alerts
from ragkeeper.operations.alerts.service import AlertService
from ragkeeper.operations.metrics.machine import MachineFigures
from ragkeeper.storage.sql.database import Database
from tests.acceptance.guides.test_alert_rules import BOTH, INSTANCE, MEMORY
from tests.acceptance.guides.test_alerts import SCALE, SILENT, Require, address, panel, until_firing, until_quiet
from tests.acceptance.guides.test_diagnosis import Machine, machine_of
from tests.acceptance.guides.test_status import status
from tests.acceptance.guides.watching import export, fires
from tests.acceptance.mounts import inside
from tests.acceptance.server import wait_for
from tests.integration.monitoring.stack import Stack, programs, watching

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("monitoring")]
CPU, MEMORY_USE = "HighCPUUsage", "HighMemoryUsage"
_TICKS = os.sysconf("SC_CLK_TCK")
_LIMIT = 1_000_000_000
_HOUR = 72.0
"""Seconds that an hour of the rules takes."""


class Processors:
    """/proc/stat, always of one length. It goes on from what was true, since counters do not fall."""

    def __init__(self) -> None:
        text = Path("/proc/stat").read_text(encoding="utf-8")
        lines = [line.split() for line in text.splitlines() if line.startswith("cpu")]
        found = {words[0]: [int(word) for word in words[1:9]] for words in lines}
        # What is waited for is no work. What other guests took is none either, and time of the processors all the same.
        rest = {name: ticks[3] + ticks[4] for name, ticks in found.items()}
        begun = {name: (sum(ticks) - rest[name] - ticks[7], rest[name], ticks[7]) for name, ticks in found.items()}
        whole = begun.pop("cpu")
        most = tuple(max(ticks) for ticks in zip(*begun.values(), strict=True))
        self._begun = {"cpu": whole, **dict.fromkeys(begun, most)}

    def after(self, busy: float, idle: float) -> str:
        """Ticks of each since then."""
        rows = []
        for name, begun in self._begun.items():
            count = len(self._begun) - 1 if name == "cpu" else 1
            worked, rested = begun[0] + busy * count, begun[1] + idle * count
            rows.append(f"{name:6}{worked:18.0f} 0 0 {rested:18.0f} 0 0 0 {begun[2]} 0 0\n")
        return "".join(rows)


def net(received: float, sent: float) -> str:
    """/proc/net/dev of one device besides the loopback, whose traffic is large and no concern of anybody."""
    line = "{name:>6}: {received:15.0f} 0 0 0 0 0 0 0 {sent:15.0f} 0 0 0 0 0 0 0\n"
    own = line.format(name="lo", received=received * 1000, sent=received * 1000)
    return "Inter-|   Receive\n face |bytes\n" + own + line.format(name="eth0", received=received, sent=sent)


@dataclass
class Kernel:
    """busy: share of the processors; incoming, outgoing: bytes a second."""

    machine: Machine
    busy: float = 0.95
    incoming: float = 20_000.0
    outgoing: float = 15_000.0
    _processors: Processors = field(default_factory=Processors)

    def uses(self, share: float) -> None:
        """So much of the container's memory."""
        self._group("memory.current", str(round(_LIMIT * share)))

    @contextmanager
    def running(self) -> Iterator["Kernel"]:
        inside(self.machine.server, "mount", "-t", "tmpfs", "tmpfs", "/sys/fs/cgroup")
        for name, text in {"memory.max": str(_LIMIT), "memory.stat": "inactive_file 0"}.items():
            self._group(name, text)
        self.uses(0.4)
        end = threading.Event()
        thread = threading.Thread(target=self._run, args=(end,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            end.set()
            thread.join(10)

    def _group(self, name: str, text: str) -> None:
        """At once: nobody sees a file that is empty."""
        command = f"echo {text} > /sys/fs/cgroup/new && mv /sys/fs/cgroup/new /sys/fs/cgroup/{name}"
        inside(self.machine.server, "sh", "-c", command)

    def _run(self, end: threading.Event) -> None:
        files = [self._busy(), self._network()]
        sums, before = [0.0] * 4, time.monotonic()
        while not end.wait(0.1):
            now = time.monotonic()
            rates = (self.busy * _TICKS, (1 - self.busy) * _TICKS, self.incoming, self.outgoing)
            sums = [total + rate * (now - before) for total, rate in zip(sums, rates, strict=True)]
            before = now
            for file, text in zip(files, (self._processors.after(*sums[:2]), net(*sums[2:])), strict=True):
                os.pwrite(file, text.encode(), 0)
        for file in files:
            os.close(file)

    def _busy(self) -> int:
        file = self.machine.server.folder / "kernel_stat"
        file.write_text(self._processors.after(0, 0), encoding="utf-8")
        inside(self.machine.server, "mount", "--bind", str(file), "/proc/stat")
        return os.open(file, os.O_WRONLY)

    def _network(self) -> int:
        """The whole folder: the kernel lets go of what is mounted over a file in it."""
        folder = self.machine.server.folder / "kernel_net"
        folder.mkdir()
        (folder / "dev").write_text(net(0, 0), encoding="utf-8")
        inside(self.machine.server, "mount", "--bind", str(folder), f"/proc/{self.machine.server.process.pid}/net")
        return os.open(folder / "dev", os.O_WRONLY)


@dataclass(frozen=True)
class Watched:
    kernel: Kernel
    stack: Stack
    began: float


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, require_binary: Require) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("machine")
    with (
        machine_of(folder / "server") as machine,
        Kernel(machine).running() as kernel,
        watching(programs(require_binary), folder, [address(machine.server)], SCALE) as stack,
    ):
        wait_for(lambda: bool(stack.query("node_network_receive_bytes_total")), 90)
        yield Watched(kernel, stack, time.monotonic())


def test_g0_065_busy_processors_are_told_of_everywhere(watched: Watched, tmp_path: Path):
    kernel, stack = watched.kernel, watched.stack
    kernel.busy = 0.95
    until_firing(stack, f"{CPU}.warning", seconds=90)
    wait_for(lambda: status(kernel.machine.server)["targets"]["cpu"]["ok"] is False, 90)
    told = status(kernel.machine.server)["targets"]["cpu"]
    assert (told["value"] > 80, told["target"]) == (True, 80)
    shown = kernel.machine.server.run("status").stdout
    [line] = [line for line in shown.splitlines() if line.startswith("cpu ") and "below 80" in line]
    assert line.split()[-1] == "ABOVE"
    kernel.busy = 0.1
    until_quiet(stack, f"{CPU}.warning", seconds=90)
    assert told_by_server(tmp_path) == ["firing", "resolved"]


def told_by_server(folder: Path) -> list[str]:
    """What the evaluator inside the server says of six minutes in which all processors are busy, told by a clock."""
    (folder / "net").mkdir()
    (folder / "self").mkdir()
    for name in ("meminfo", "loadavg", "net/dev", "self/cgroup"):
        shutil.copyfile(f"/proc/{name}", folder / name)
    return asyncio.run(_told(folder))


async def _told(folder: Path) -> list[str]:
    database, channel, clock = Database(f"sqlite:///{folder / 'x.db'}"), FakeChannel("webhook"), [0.0]
    metrics = Metrics((*TABLE, ALERT_CHANNEL_OK))
    figures = MachineFigures(metrics, lambda: None, root=folder)
    mine = [one for one in alerts(Scene()) if one.id == f"{CPU}.warning"]
    service = AlertService(
        mine,
        [channel],
        database,
        metrics,
        figures.look,
        lambda: datetime.now(UTC),
        sender=Sender("host-a", "https://example.org"),
        monotonic=lambda: clock[0],
    )
    processors, busy, idle = Processors(), 0.0, 0.0
    # Calm, eleven minutes of work (six and the window that must fill), calm again; a look every 15 seconds.
    for share in [0.05] * 24 + [0.95] * 44 + [0.05] * 30:
        busy, idle, clock[0] = busy + 15 * share * _TICKS, idle + 15 * (1 - share) * _TICKS, clock[0] + 15
        (folder / "stat").write_text(processors.after(busy, idle), encoding="utf-8")
        await service.look()
        await service.sent()
    await database.close()
    return [str(message.payload["status"]) for message in channel.sent]


def test_g4_044_the_processor_panel_follows_the_load(watched: Watched):
    shown = panel(watched.stack, "rag-system-overview", "CPU Usage")
    assert list(shown) == ["CPU Usage % {{instance}}", "of what the server may use % {{instance}}"]
    query = shown["CPU Usage % {{instance}}"]
    watched.kernel.busy = 0.9
    wait_for(lambda: watched.stack.value(query) > 80, 90)
    [found] = watched.stack.query(query)
    assert found["metric"] == {"instance": address(watched.kernel.machine.server)}
    watched.kernel.busy = 0.1
    wait_for(lambda: watched.stack.value(query) < 20, 90)


def test_g0_066_memory_above_80_percent_warns_and_is_an_issue(watched: Watched):
    kernel, stack = watched.kernel, watched.stack
    kernel.uses(0.87)
    until_firing(stack, f"{MEMORY_USE}.warning", seconds=90)
    time.sleep(SILENT)
    assert f"{MEMORY_USE}.critical" not in stack.firing()
    [query] = panel(stack, "rag-interface-system", "Memory Usage").values()
    assert stack.value(query) == pytest.approx(87, abs=0.5)
    assert any("memory" in issue.lower() for issue in kernel.machine.issues())
    told = status(kernel.machine.server)
    assert (told["targets"]["memory"]["ok"], told["targets"]["memory"]["target"]) == (False, 85)
    kernel.uses(0.4)
    until_quiet(stack, f"{MEMORY_USE}.warning", seconds=90)
    assert not any("memory" in issue.lower() for issue in kernel.machine.issues())


def test_g4_031_memory_warns_then_is_critical_and_both_end(watched: Watched, tmp_path: Path, require_binary: Require):
    kernel, stack = watched.kernel, watched.stack
    kernel.uses(0.85)
    until_firing(stack, f"{MEMORY_USE}.warning", seconds=90)
    time.sleep(SILENT)
    assert f"{MEMORY_USE}.critical" not in stack.firing()
    kernel.uses(0.93)
    until_firing(stack, f"{MEMORY_USE}.critical", seconds=90)
    kernel.uses(0.4)
    until_quiet(stack, f"{MEMORY_USE}.warning", f"{MEMORY_USE}.critical", seconds=90)
    stages = [(600, (60, 100), ()), (360, (15, 100), ("warning",)), (360, (7, 100), BOTH), (60, (60, 100), ())]
    assert fires(export(tmp_path), require_binary, MEMORY_USE, MEMORY, stages, instance=INSTANCE)


def test_g0_068_a_rate_far_above_the_usual_one_is_told_in_both_directions(watched: Watched):
    kernel, stack = watched.kernel, watched.stack
    spikes = {"NetworkInSpike.warning", "NetworkOutSpike.warning"}
    wait_for(lambda: time.monotonic() - watched.began > _HOUR, _HOUR)
    assert not spikes & stack.firing()
    shown = panel(stack, "rag-interface-system", "Network")
    rates = {legend: stack.value(query) for legend, query in shown.items()}
    assert sorted(rates.values()) == [pytest.approx(15_000, rel=0.3), pytest.approx(20_000, rel=0.3)]
    usual = kernel.incoming, kernel.outgoing
    kernel.incoming, kernel.outgoing = 200 * kernel.incoming, 200 * kernel.outgoing
    until_firing(stack, *spikes, seconds=90)
    kernel.incoming, kernel.outgoing = usual
    until_quiet(stack, *spikes, seconds=90)
