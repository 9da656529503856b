"""The guides' dashboards before a server that is asked ten times a second, read by a real Prometheus."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.acceptance.guides.test_alerts import SCALE, address, panel
from tests.acceptance.guides.test_answers import fill
from tests.acceptance.server import serving, wait_for
from tests.faults.alerts.scene import load
from tests.integration.monitoring.stack import Stack, of_all_servers, programs, watching
from tests.unit.operations.monitoring.grafana import faults
from tests.unit.operations.monitoring.linter import complaints

Require = Callable[[str], Path]
pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("monitoring")]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory, require_binary: Require) -> Iterator[Stack]:
    """A server that is asked ten times a second."""
    folder = tmp_path_factory.mktemp("busy")
    with serving(folder / "server") as server:
        fill(server)
        with watching(programs(require_binary), folder, [address(server)], SCALE) as stack:
            requests = iter(range(1_000_000))

            def ask() -> None:
                number = next(requests)
                began = time.monotonic()
                path = "/api/v1/sources" if number % 20 == 0 else f"/api/v1/search?query=lighthouse+{number}"
                server.http.get(path)
                time.sleep(max(0, 0.1 - (time.monotonic() - began)))

            with load(ask, 1, 0):
                time.sleep(12)
                yield stack


def board(stack: Stack, name: str) -> dict[str, Any]:
    """The exported file; it is as Grafana's schema has it, and the linter would let it pass."""
    folder = stack.folder / "export" / "grafana" / "dashboards"
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    assert faults(found) == []
    assert complaints(found, yaml.safe_load((folder / ".lint").read_text(encoding="utf-8"))) == []
    return found


def unanswered(stack: Stack, found: dict[str, Any]) -> list[str]:
    """The queries of its panels, and of what can be chosen in it, that give nothing."""
    asked = [target["expr"] for panel in found["panels"] for target in panel.get("targets", ())]
    # Of `label_values(series, label)` the series.
    choices = [one["query"][len("label_values(") : one["query"].rindex(",")] for one in found["templating"]["list"][1:]]
    assert len(asked) > 5
    return [text for text in (*asked, *choices) if not stack.query(of_all_servers(text))]


def unanswered_for_long(stack: Stack, found: dict[str, Any]) -> list[str]:
    """Those that still give nothing after a minute: a rate needs two scrapes."""
    end = time.monotonic() + 60
    while (left := unanswered(stack, found)) and time.monotonic() < end:
        time.sleep(0.05)
    return left


def test_g0_081_the_first_dashboard_is_valid_and_answered(busy: Stack):
    found = board(busy, "rag-interface-system")
    assert found["title"] == "RAG Interface System"
    assert found["uid"]
    assert unanswered_for_long(busy, found) == []


def test_g4_039_the_second_dashboard_is_valid_and_answered(busy: Stack):
    found = board(busy, "rag-system-overview")
    assert found["title"] == "RAG System Overview"
    assert found["uid"]
    assert unanswered_for_long(busy, found) == []


def test_g0_084_one_line_shows_the_95th_percentile(busy: Stack):
    [line] = panel(busy, "rag-interface-system", "Response Time").items()
    assert line[0] == "95th percentile"
    assert len(busy.query(line[1])) == 1


def test_g4_040_three_lines_show_response_times_in_order(busy: Stack):
    asked = panel(busy, "rag-system-overview", "API Response Times")
    assert list(asked) == ["p50", "p95", "p99"]
    values = [busy.value(expression) for expression in asked.values()]
    assert values == sorted(values)


def test_g4_041_the_rate_of_requests_is_shown(busy: Stack):
    [(legend, asked)] = panel(busy, "rag-system-overview", "Request Rate").items()
    assert legend == "Requests/sec"
    wait_for(lambda: 9 <= busy.value(asked) <= 11.5)
    assert 9 <= busy.value(asked) <= 11.5


def test_g4_042_the_share_of_failed_requests_is_shown(busy: Stack):
    [(legend, asked)] = panel(busy, "rag-system-overview", "Error Rate").items()
    assert legend == "Error Rate %"
    assert busy.value(asked) == 0
    with sqlite3.connect(busy.folder / "server/data/ragkeeper.db", timeout=30) as truth:
        truth.execute("ALTER TABLE sources RENAME TO misplaced")
    wait_for(lambda: 4 <= busy.value(asked) <= 6)
    with sqlite3.connect(busy.folder / "server/data/ragkeeper.db", timeout=30) as truth:
        truth.execute("ALTER TABLE misplaced RENAME TO sources")
    wait_for(lambda: busy.value(asked) == 0)
    assert busy.value(asked) == 0


def test_g4_043_the_machine_has_a_row(busy: Stack):
    file = busy.folder / "export" / "grafana" / "dashboards" / "rag-system-overview.json"
    panels = json.loads(file.read_text(encoding="utf-8"))["panels"]
    at = next(number for number, one in enumerate(panels) if one["title"] == "System Resources")
    assert panels[at]["type"] == "row"
    assert [one["title"] for one in panels[at + 1 : at + 3]] == ["CPU Usage", "Memory Usage"]


def test_g4_045_memory_is_shown_as_the_machine_counts_it(busy: Stack):
    [asked] = panel(busy, "rag-system-overview", "Memory Usage").values()
    lines = (line.split() for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    free = {line[0]: float(line[1]) for line in lines}
    used = 100 * (1 - free["MemAvailable:"] / free["MemTotal:"])
    assert busy.value(asked) == pytest.approx(used, abs=2)
