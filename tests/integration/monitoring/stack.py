"""A real Prometheus and Alertmanager on what `ragkeeper monitoring export` wrote, and a webhook behind them."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from bench import loopback
from bench.ports import free_port
from tests.acceptance.server import run, wait_for

_START_SECONDS = 30.0


@dataclass(frozen=True)
class Programs:
    prometheus: Path
    alertmanager: Path


def programs(require_binary: Callable[[str], Path]) -> Programs:
    return Programs(require_binary("prometheus"), require_binary("prometheus-alertmanager"))


@dataclass
class Receiver:
    """What Alertmanager told: each alert with the time at which it came, on a clock that never goes back."""

    url: str
    bodies: list[str] = field(default_factory=list)
    told: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    def names(self, status: str) -> set[str]:
        """The titles of the alerts that were told of with this status, as `Stack.firing` has them."""
        return {title(alert["labels"]) for _, alert in list(self.told) if alert["status"] == status}


@dataclass
class Stack:
    folder: Path
    prometheus: str
    alertmanager: str
    receiver: Receiver
    process: subprocess.Popen[bytes]

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = loopback.get(f"{self.prometheus}/api/v1/query", 10, params={"query": expression})
        assert answer.status_code == httpx.codes.OK, answer.text
        return list(answer.json()["data"]["result"])

    def value(self, expression: str) -> float:
        [only] = self.query(expression)
        return float(only["value"][1])

    def firing(self) -> set[str]:
        """`Name.severity`, and the window of an objective behind it."""
        found = loopback.get(f"{self.prometheus}/api/v1/alerts", 10).json()["data"]["alerts"]
        return {title(one["labels"]) for one in found if one["state"] == "firing"}

    def alerts(self, name: str) -> list[dict[str, Any]]:
        found = loopback.get(f"{self.prometheus}/api/v1/alerts", 10).json()["data"]["alerts"]
        return [one for one in found if one["labels"]["alertname"] == name and one["state"] == "firing"]

    def targets(self) -> Mapping[str, str]:
        """`up` or `down`, by address."""
        found = loopback.get(f"{self.prometheus}/api/v1/targets", 10).json()["data"]["activeTargets"]
        return {one["labels"]["instance"]: one["health"] for one in found}

    def reload(self) -> None:
        loopback.post(f"{self.prometheus}/-/reload", 10).raise_for_status()


def of_all_servers(query: str) -> str:
    """As Grafana asks it when all servers are chosen."""
    return query.replace("$job", ".+").replace("$instance", ".+")


def title(labels: Mapping[str, str]) -> str:
    window = f".{labels['window']}" if "window" in labels else ""
    return f"{labels['alertname']}.{labels['severity']}{window}"


@contextmanager
def watching(
    programs: Programs, folder: Path, targets: Iterable[str], *options: str, settings: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """targets: addresses of servers; options: more of those of the export."""
    with ExitStack() as parts:
        receiver = parts.enter_context(receiving())
        ports = free_port(), free_port()
        where = [f"--target={target}" for target in targets]
        given = {"RAG_ALERT_WEBHOOK_URL": receiver.url, **(settings or {})}
        folder.mkdir(parents=True, exist_ok=True)
        told = ["monitoring", "export", str(folder / "export"), f"--alertmanager=127.0.0.1:{ports[1]}"]
        done = run(*told, *where, *options, folder=folder, environment=given)
        assert done.returncode == 0, done.stdout + done.stderr
        teller = parts.enter_context(_alertmanager(programs, folder, ports[1]))
        process = parts.enter_context(_prometheus(programs, folder, ports[0]))
        addresses = [f"http://127.0.0.1:{port}" for port in ports]
        for address in addresses:
            wait_for(lambda address=address: _ready(address), _START_SECONDS)  # type: ignore[misc]
        # Another program of its kind may have answered in its place.
        for one, log in ((process, "prometheus.log"), (teller, "alertmanager.log")):
            assert one.poll() is None, (folder / log).read_text(encoding="utf-8")
        yield Stack(folder, *addresses, receiver, process)


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.bodies.append(body.decode())
            receiver.told += [(time.monotonic(), alert) for alert in json.loads(body).get("alerts", ())]
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}/alerts"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _prometheus(programs: Programs, folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        str(programs.prometheus),
        f"--config.file={folder / 'export' / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'series'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-lifecycle",
    ]
    with _process(command, folder / "prometheus.log") as process:
        yield process


@contextmanager
def _alertmanager(programs: Programs, folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        str(programs.alertmanager),
        f"--config.file={folder / 'export' / 'alertmanager.yml'}",
        f"--storage.path={folder / 'notifications'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with _process(command, folder / "alertmanager.log") as process:
        yield process


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=20)


def _ready(address: str) -> bool:
    try:
        return loopback.get(f"{address}/-/ready", 2).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
