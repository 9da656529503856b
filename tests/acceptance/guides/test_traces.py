"""Traces of questions, taken by a collector of our own."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.guides.test_answers import QUESTION, ask, fill, provider
from tests.acceptance.guides.texts import lighthouse
from tests.acceptance.server import Server, serving, wait_for
from tests.contract.chat.standin import StandIn

LISTENING = "0A"


class Collector(ThreadingHTTPServer):
    """Takes OTLP's JSON."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        super().__init__(("127.0.0.1", 0), _Taking)

    @property
    def spans(self) -> list[dict[str, Any]]:
        resources = [resource for body in self.bodies for resource in json.loads(body)["resourceSpans"]]
        return [span for resource in resources for scope in resource["scopeSpans"] for span in scope["spans"]]


class _Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def collecting() -> Iterator[Collector]:
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            collector.shutdown()
            thread.join()


@pytest.mark.timeout(120)
def test_g3_006_traces_are_off_by_default_and_complete_when_on(tmp_path: Path, model: StandIn):
    with collecting() as collector:
        endpoint = {"RAG_OTEL_ENDPOINT": f"http://127.0.0.1:{collector.server_port}/v1/traces"}
        with serving(tmp_path / "on", {**provider(model), **endpoint}) as server:
            fill(server)
            for _ in range(3):
                ask(server)
            server.http.post("/chat/stream", json={"message": QUESTION})
            wait_for(lambda: len(roots(collector)) == 4)
        taken = len(collector.bodies)
        with serving(tmp_path / "off") as server:
            fill(server)
            ask(server)
            assert outgoing(server) == []
        assert len(collector.bodies) == taken
    for root in roots(collector):
        stages = {span["name"] for span in collector.spans if span["parentSpanId"] == root["spanId"]}
        assert {"rewrite", "embed", "search", "fuse", "generate", "verify"} <= stages
    assert len({root["traceId"] for root in roots(collector)}) == 4
    said = {word for word in re.findall(r"\w+", f"{QUESTION} {lighthouse(0)}") if len(word) > 5}
    assert said & set(re.findall(r"\w+", "".join(collector.bodies))) == set()


def roots(collector: Collector) -> list[dict[str, Any]]:
    return [span for span in collector.spans if span["parentSpanId"] == ""]


def outgoing(server: Server) -> list[str]:
    """Addresses that the server's process has opened connections to."""
    own = f":{server.http.base_url.port:04X}"
    folder = Path(f"/proc/{server.process.pid}/fd")
    inodes = {str(one.readlink()) for one in folder.iterdir()}
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = [words for words in lines if f"socket:[{words[9]}]" in inodes and words[3] != LISTENING]
    return [words[2] for words in ours if not words[1].endswith(own)]
