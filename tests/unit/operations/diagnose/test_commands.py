from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html import escape

import pytest

from ragkeeper.cli.app import command_group
from ragkeeper.cli.errors import ServerNotRunning
from ragkeeper.operations.diagnose.commands import diagnose_commands
from ragkeeper.operations.diagnose.memory import verdict
from ragkeeper.operations.diagnose.models import (
    Allocation,
    Answer,
    Database,
    Evidence,
    Host,
    Remembered,
    Sample,
    SlowStatement,
    Stage,
)
from tests.unit.cli.server import runner
from tests.unit.operations.diagnose.test_rules import FINE, QUICK, with_cpu

MB = 1024 * 1024


@dataclass
class FakeInstallation:
    """A machine whose server grows by so many megabytes a sample."""

    machine: Host = FINE
    reply: Answer = QUICK
    known: Remembered | None = None
    base: Database = field(default_factory=Database)
    growth: float = 0.0
    runs: bool = True
    acts: list[str] = field(default_factory=list)
    samples: int = 0

    def host(self) -> Host:
        return self.machine

    def answer(self) -> Answer:
        return self.reply

    def remembered(self) -> Remembered | None:
        return self.known

    def database(self, statements: Sequence[SlowStatement]) -> Database:
        return self.base

    def sample(self) -> Sample:
        if not self.runs:
            raise ServerNotRunning(path="/data")
        self.samples += 1
        at = datetime(2026, 11, 21, tzinfo=UTC) + timedelta(seconds=30 * self.samples)
        return Sample(at, round((400 + self.growth * self.samples) * MB), 4.0, 3)

    def evidence(self) -> Evidence:
        if not self.runs:
            raise ServerNotRunning(path="/data")
        return Evidence({"/data/ragkeeper.db": 4 + self.samples}, 2.0 + self.samples, {"collections": self.samples})

    def trace(self, seconds: float) -> None:
        assert seconds == pytest.approx(3)
        self.acts.append("trace")

    def grown(self) -> Sequence[Allocation]:
        self.acts.append("grown")
        return [Allocation("/srv/leak.py:7", 3 * MB, 12)]

    def end_trace(self) -> None:
        self.acts.append("end")

    def verdict(self, samples: Sequence[Sample]):
        return verdict(samples)


@pytest.fixture
def installation():
    return FakeInstallation()


@pytest.fixture
def run(installation, capsys):
    app = command_group()
    app.add_typer(diagnose_commands(installation))
    return runner(app, capsys)


LINES = ("CPU Usage", "CPU Load Average", "Memory Usage", "Swap Usage", "Disk Usage", "API Response Time")


def test_a_healthy_machine_ends_well_with_every_line(run):
    done = run("diagnose", "performance")
    lines = done.out.splitlines()
    assert (done.code, lines[0]) == (0, "Performance Diagnostics Report")
    assert lines[1].startswith("Generated: ")
    assert lines[-2:] == ["Issues Detected:", "- No issues detected"]
    for line in LINES:
        assert any(one.startswith(f"- {line}: ") for one in lines), line


def test_a_page_has_the_text_and_a_bar_for_every_figure(installation, run, tmp_path):
    installation.known = Remembered(0.1, [], [Stage("embed", 9, 0.1, 0.2, None), Stage("<search>", 9, 0.1, 0.4, None)])
    text = run("diagnose", "performance", "--html", str(tmp_path / "x.html")).out
    page = (tmp_path / "x.html").read_text(encoding="utf-8")
    for line in text.splitlines():
        if not line.startswith("Generated: "):
            assert escape(line) in page, line
    assert page.count('class="bar"') == 3 + len(FINE.disk.file_systems) + 2
    assert page.count('class="limit"') == 3 + len(FINE.disk.file_systems)
    assert "<search>" not in page
    assert page.index("&lt;search&gt;</text>") < page.index("embed</text>")  # the slowest first


def test_a_page_needs_no_server_and_a_place(installation, run, tmp_path):
    installation.reply = Answer(None, None, "No server runs.")
    assert run("diagnose", "performance", "--html", str(tmp_path / "x.html")).code == 1
    assert (tmp_path / "x.html").read_text(encoding="utf-8").count("<svg") == 1
    done = run("diagnose", "performance", "--html", str(tmp_path / "none" / "x.html"))
    assert (done.code, "report_not_written" in done.err) == (2, True)


def test_an_issue_is_a_problem_and_the_last_line(installation, run):
    installation.machine = with_cpu(percent=97.31)
    done = run("diagnose", "performance")
    assert (done.code, done.out.splitlines()[-1]) == (1, "- High CPU usage: 97.3%")
    installation.machine, installation.reply = FINE, Answer(None, None, "No server runs.")
    done = run("diagnose", "performance")
    assert (done.code, "- API Response Time: none" in done.out) == (1, True)
    assert done.out.splitlines()[-1] == "- API endpoint not responding: No server runs."
    assert "- Not known: No server runs." in done.out


def test_json_has_the_guides_names(installation, run):
    statement = SlowStatement("select x 1", "SELECT a FROM x WHERE b = ?", 3, 1.23456, 0.9)
    installation.known = Remembered(0.1, [statement], [Stage("embed", 9, 0.1, 0.2, None)])
    installation.base = Database(problem="it is gone")
    found = run("diagnose", "performance", "--json").json
    assert set(found["cpu"]) == {"percent", "count", "load_avg", "of_machine"}
    assert set(found["memory"]) == {"percent", "available", "total", "swap_percent"}
    assert set(found["disk"]) >= {"percent", "free", "total", "read_bytes", "write_bytes"}
    assert set(found["network"]) == {"bytes_sent", "bytes_recv", "packets_sent", "packets_recv"}
    assert found["api"]["response_time"] == 0.02
    assert found["slow_statements"][0]["seconds"] == 1.235
    assert found["stages"][0]["stage"] == "embed"
    assert found["database"]["problem"] == "it is gone"
    assert found["issues"] == []
    text = run("diagnose", "performance").out
    assert "- 3 times, up to 0.900 s: SELECT a FROM x WHERE b = ?" in text
    assert "- Not known: it is gone" in text


def test_a_slow_stage_stands_among_the_stages_also_without_the_database(installation, run):
    installation.known = Remembered(0.1, [], [Stage("embed", 100, 1.0, 2.0, None)])
    installation.base = Database(problem="it is gone")
    lines = run("diagnose", "performance").out.splitlines()
    slow = lines.index("- The stage embed is slow: 95 % of 100 within 2.00 s in the last hour")
    assert lines.index("Slow Stages and Statements:") < slow < lines.index("Indexes:")
    assert run("diagnose", "performance", "--json").json["advice"] == [lines[slow].removeprefix("- ")]


def watch(run, *more: str):
    return run("diagnose", "memory", "--minutes", "0.05", "--interval", "0.05", *more)


def test_a_leak_is_a_problem_and_a_restart_is_mentioned_last(installation, run):
    installation.growth = 2.0
    done = watch(run, "--allocations")
    assert done.code == 1
    assert "00:00:30 - Memory: 402.0MB (4.0%)" in done.out
    assert "Potential memory leak detected! (confidence 100%)" in done.out
    assert "Growth rate: " in done.out
    order = [
        done.out.index(word) for word in ("1. Errors: ", "2. Open files", "3. Garbage", "4. Alloc", "5. A restart")
    ]
    assert order == sorted(order)
    assert f"/data/ragkeeper.db +{installation.samples}" in done.out
    assert "+3.00MB in +12 blocks: /srv/leak.py:7" in done.out
    assert installation.acts == ["trace", "grown", "end"]


def test_what_is_stable_ends_well(installation, run):
    done = watch(run)
    assert (done.code, "Memory usage appears stable" in done.out) == (0, True)
    assert "restart" not in done.out
    assert installation.acts == []
    found = watch(run, "--json").json
    assert found["verdict"]["verdict"] == "stable"
    assert 6 <= len(found["samples"]) <= 60  # none for a moment that has passed on a busy machine


def test_too_few_samples_have_no_verdict(run):
    done = run("diagnose", "memory", "--minutes", "0.01", "--interval", "0.3")
    assert done.code == 3
    assert "Insufficient data for trend analysis: 2 samples, at least 6 are needed" in done.err
    assert "--minutes 1 or longer, or a shorter --interval" in done.err
    assert "stable" not in done.out
    assert run("diagnose", "memory", "--minutes", "0.01", "--interval", "0.3", "--json").json["verdict"] is None


def test_without_a_server_there_is_nothing_to_watch(installation, run):
    installation.runs = False
    done = watch(run)
    assert (done.code, "No server runs" in done.err) == (3, True)


@pytest.mark.parametrize("at", ["evidence", "sample", "grown"])
@pytest.mark.parametrize("error", [ServerNotRunning(path="/data"), KeyboardInterrupt()])
def test_a_trace_always_ends(installation, run, at: str, error: BaseException):
    def broken_off():
        raise error

    setattr(installation, at, broken_off)
    with suppress(KeyboardInterrupt):
        assert watch(run, "--allocations").code != 0
    assert installation.acts == ["trace", "end"]


def test_a_trace_that_is_broken_off_at_its_beginning_ends_too(installation, run):
    def broken_off(_seconds: float):
        raise KeyboardInterrupt

    installation.trace = broken_off
    with suppress(KeyboardInterrupt):
        watch(run, "--allocations")
    assert installation.acts == ["end"]


def test_a_slow_answer_names_its_stage(installation, run):
    installation.reply = replace(QUICK, seconds=6.1, stages={"embed": 6.0})
    assert run("diagnose", "performance").out.splitlines()[-1] == (
        "- Slow API response time: 6.10s (slowest stage: embed, 6.00s)"
    )
