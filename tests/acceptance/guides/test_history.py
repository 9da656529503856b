"""Requests per second on a dashboard in a real Prometheus, on status, and remembered by the server itself."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.guides.test_alerts import SCALE, address, panel
from tests.acceptance.server import Server, serving, wait_for
from tests.integration.monitoring.stack import programs, watching

Require = Callable[[str], Path]
MINUTE = 60.0


@contextmanager
def asked(server: Server, per_second: float) -> Iterator[Callable[[], int]]:
    """Requests at an even rate; what is yielded says how many were answered."""
    ended, done = threading.Event(), [0]

    def ask() -> None:
        began = time.monotonic()
        while not ended.wait(max(0.0, began + done[0] / per_second - time.monotonic())):
            server.http.get("/api/v1/documents", params={"limit": 1})
            done[0] += 1

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield lambda: done[0]
    finally:
        ended.set()
        asking.join()


def remembered(server: Server) -> list[float]:
    """Requests per second by minute."""
    found = json.loads(server.run("history", "show", "requests", "--hours", "0.2", "--json").stdout)
    assert (found["unit"], found["resolution"]) == ("per second", "minute")
    return [point["value"] for point in found["points"]]


def told(server: Server) -> float:
    return float(json.loads(server.run("status", "--json").stdout)["traffic"]["per_second"])


@pytest.mark.timeout(240)
def test_g4_013_the_rate_is_shown_and_remembered(tmp_path: Path, require_binary: Require):
    with serving(tmp_path / "server") as server, asked(server, 5) as count:
        wait_for(lambda: count() >= 300, 90)
        assert told(server) == pytest.approx(5, rel=0.1)
        with watching(programs(require_binary), tmp_path, [address(server)], SCALE) as stack:
            [query] = panel(stack, "rag-system-overview", "Request Rate").values()
            wait_for(lambda: bool(stack.query(query)) and stack.value(query) == pytest.approx(5, rel=0.1), 60)
            assert stack.value(query) == pytest.approx(5, rel=0.12)
        wait_for(lambda: any(one == pytest.approx(5, rel=0.1) for one in remembered(server)), 90)
        assert max(remembered(server)) == pytest.approx(5, rel=0.1)


@pytest.mark.timeout(240)
def test_g0_071_throughput_is_graphed_and_remembered(tmp_path: Path, require_binary: Require):
    with (
        serving(tmp_path / "server") as server,
        watching(programs(require_binary), tmp_path, [address(server)], SCALE) as stack,
        asked(server, 10) as count,
    ):
        wait_for(lambda: count() >= 600, 90)
        [query] = panel(stack, "rag-system-overview", "Request Rate").values()
        assert "http_requests_total" in query
        assert stack.value(query) == pytest.approx(10, rel=0.1)
        assert told(server) == pytest.approx(10, rel=0.15)
        wait_for(lambda: any(one == pytest.approx(10, rel=0.1) for one in remembered(server)), 90)
        assert max(remembered(server)) == pytest.approx(10, rel=0.1)
