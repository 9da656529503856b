"""Processor time by what it is spent on: in the figures, on the page, and in alerts."""

import os
from pathlib import Path

import pytest

from bench.processes import descendants
from tests.acceptance.guides.test_figures import series
from tests.acceptance.server import Server, add_text, serving, wait_for

_TICKS = os.sysconf("SC_CLK_TCK")
_WORDS = "The keeper of light {0} rings the bell of silver in the fog, and writes the hour into book {0} by hand. "


@pytest.mark.timeout(240)
def test_g4_018_processor_time_is_told_by_what_it_is_spent_on(tmp_path: Path):
    with serving(tmp_path) as server:
        server.run("jobs", "pause")
        documents = [add_text(server, f"Light {number}", _WORDS.format(number) * 250) for number in range(6)]
        before = _spent(server)
        server.run("jobs", "resume")
        # Nobody asks anything meanwhile: what the API then spends is not for an answer.
        log = tmp_path / "data/logs/ragkeeper.log"
        wait_for(lambda: log.read_text(encoding="utf-8").count('"kind": "document"') == len(documents), 150)
        after = _spent(server)
        ingesting = {role: after[role] - before[role] for role in after}
        worked = ingesting["worker"] + ingesting["parser"]
        assert ingesting["worker"] > 0.5
        assert ingesting["api"] < worked / 2, ingesting
        wait_for(lambda: sum(_spent(server).values()) == pytest.approx(_by_the_kernel(server), rel=0.1), 20)


def _spent(server: Server) -> dict[str, float]:
    return {role: seconds for (role,), seconds in series(server, "rag_process_cpu_seconds_total").items()}


def _by_the_kernel(server: Server) -> float:
    """Seconds of the server, of its children, and of those that have ended."""
    ticks = 0
    for number, pid in enumerate((server.process.pid, *descendants(server.process.pid))):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += sum(int(field) for field in fields[11 : 13 if number else 15])
    return ticks / _TICKS
