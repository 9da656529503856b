"""The product as its users start it: a server process of its own, and a client that speaks HTTP to it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench import loopback
from bench.ports import free_port
from ragkeeper.cli.client import Client

_START_SECONDS = 120.0
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers; `log` holds what it wrote."""

    process: subprocess.Popen[bytes]
    address: str
    key: str
    log: Path

    @contextmanager
    def client(self) -> Iterator[Client]:
        headers = {"X-API-Key": self.key}
        with loopback.client(base_url=self.address, headers=headers, timeout=300, resting=32) as http:
            yield Client(http)


@contextmanager
def serving(
    folder: Path, settings: Mapping[str, str] | None = None, command: Sequence[str] | None = None
) -> Iterator[Server]:
    """Start the server on `folder`/data with nothing of the caller's own settings; stop it with SIGTERM.

    command: one of this repository's own that serves, in place of the installed one.
    """
    process, port = start(folder, settings, command)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_up(process, address, folder)
        key = (folder / "data/secrets/api_key").read_text(encoding="utf-8").strip()
        yield Server(process, address, key, folder / "server.log")
    finally:
        stop(process)


def start(
    folder: Path, settings: Mapping[str, str] | None = None, command: Sequence[str] | None = None
) -> tuple[subprocess.Popen[bytes], int]:
    """The process and its port; it does not answer yet."""
    port = free_port()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    environment = kept | {"RAG_DATA_DIR": str(folder.resolve() / "data"), "RAG_PORT": str(port), **(settings or {})}
    environment |= {"PYTHONPATH": str(_ROOT)} if command else {}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command or _command(), cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    return process, port


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until_up(process: subprocess.Popen[bytes], address: str, folder: Path) -> None:
    """Return when the server answers. Raises SystemExit with its log when it ended or takes too long."""
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            if loopback.get(f"{address}/health/ready", 2).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise SystemExit(f"the server did not start:\n{(folder / 'server.log').read_text(errors='replace')[-2000:]}")


def _command() -> list[str]:
    """What `ragkeeper serve` runs, also where the package is on the path only."""
    return [sys.executable, "-m", "ragkeeper.entrypoints.cli", "serve"]
