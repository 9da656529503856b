"""The product as its users start it: the installed command, a folder of its own, a free port."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench import loopback
from bench.ports import free_port

COMMAND = Path(sys.executable).with_name("ragkeeper")
START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. `http` carries the generated key; `stranger` carries none."""

    process: subprocess.Popen[bytes]
    folder: Path
    environment: Mapping[str, str]
    http: httpx.Client
    stranger: httpx.Client

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")

    def run(self, *arguments: str, check: bool = True, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run `ragkeeper …` against this server's folder."""
        done = run(*arguments, folder=self.folder, environment={**self.environment, **settings})
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done


def run(
    *arguments: str, folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `ragkeeper …` in `folder`, its data folder below it unless `environment` says otherwise."""
    settings = {"RAG_DATA_DIR": str(folder / "data"), **(environment or {})}
    return run_program([COMMAND, *arguments], folder, settings)


def run_program(
    arguments: Sequence[str | Path], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a program in `folder` with nothing of the tester's own settings in its environment."""
    return subprocess.run(
        arguments, cwd=folder, env=_environment(environment), capture_output=True, text=True, timeout=120, check=False
    )


@contextmanager
def serving(folder: Path, settings: Mapping[str, str] | None = None, within: Sequence[str] = ()) -> Iterator[Server]:
    """Start `ragkeeper serve`, wait until it is ready, and stop it as an operator would: SIGTERM.

    within: a command that becomes the one it is given, such as one that limits it.
    """
    port = free_port()
    environment = {"RAG_DATA_DIR": str(folder / "data"), "RAG_PORT": str(port), **(settings or {})}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*within, COMMAND, "serve"], cwd=folder, env=_environment(environment), stdout=log, stderr=subprocess.STDOUT
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_up(process, address, folder)
        key = environment.get("API_KEY") or (folder / "data/secrets/api_key").read_text(encoding="utf-8").strip()
        with (
            loopback.client(base_url=address, headers={"X-API-Key": key}, timeout=60) as http,
            loopback.client(base_url=address, timeout=60) as stranger,
        ):
            yield Server(process, folder, environment, http, stranger)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def add_text(server: Server, title: str, text: str, **more: str) -> str:
    """Add a document and return its id; `wait_until_ready` waits until it is found."""
    answer = server.http.post("/api/v1/documents", json={"title": title, "text": text, **more})
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    return str(answer.json()["id"])


def wait_until_ready(server: Server, documents: Iterable[str], status: str = "ready") -> None:
    """Wait until each document is found by words and by meaning."""
    left = list(documents)

    def done() -> bool:
        while left and server.http.get(f"/api/v1/documents/{left[-1]}").json().get("status") == status:
            left.pop()
        return not left

    wait_for(done)


def events(text: str) -> list[tuple[str, Any]]:
    """The name and data of each server-sent event of a finished stream."""
    blocks = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.strip().split("\n\n")]
    return [(block["event"], json.loads(block["data"])) for block in blocks if "event" in block]


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Ask again until the condition holds; fail after `seconds`. What takes long to ask is asked less often."""
    end = time.monotonic() + seconds
    while True:
        asked = time.monotonic()
        if condition():
            return
        assert time.monotonic() < end, f"did not come true within {seconds} s"
        time.sleep(min(2.0, max(0.05, 2 * (time.monotonic() - asked))))


def _wait_until_up(process: subprocess.Popen[bytes], address: str, folder: Path) -> None:
    def log() -> str:
        return (folder / "server.log").read_text(encoding="utf-8", errors="replace")

    def ready() -> bool:
        assert process.poll() is None, "it ended"
        try:
            return loopback.get(f"{address}/health", 2).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    try:
        wait_for(ready, START_SECONDS)
    except AssertionError as error:  # its folder is gone after a test whose preparation failed
        raise AssertionError(f"{error}\n{log()[-5000:]}") from error


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE")
    return {name: os.environ[name] for name in kept if name in os.environ} | dict(more)
