"""The server as a process: started with the faults between it and its disk, struck, and started again."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench import loopback
from bench.ports import free_port
from bench.processes import descendants, memory_mb
from tests.acceptance.server import COMMAND
from tests.faults.harness.interposer import Interposer

_START_SECONDS = 60.0
_LEAST_FREE_MB = "0"
_LOG_KEPT = 20_000_000


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident MB: own of the server; mapped: files that the kernel may drop from it, the index above all; children."""

    own: float
    mapped: float
    children: float


class StartFailed(Exception):
    """The server ended while it started, by itself."""


class Server:
    """One data folder, served again and again on one port; `died` says whether it needs to be started."""

    def __init__(self, folder: Path, interposer: Interposer, settings: Mapping[str, str]) -> None:
        self.data = folder / "data"
        self.log = folder / "server.log"
        self.interposer = interposer
        self._folder = folder
        self._settings = settings
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def key(self) -> str:
        return (self.data / "secrets/api_key").read_text(encoding="utf-8").strip()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def died(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def start(self, *, journal: bool = False) -> bool:
        """Start it and wait until it is ready; False when an armed fault killed it meanwhile. Raises StartFailed."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        own = {"RAG_DATA_DIR": str(self.data), "RAG_PORT": str(self._port), "RAG_MIN_FREE_MB": _LEAST_FREE_MB}
        environment = {**kept, **own, **self._settings, **self.interposer.environment(journal=journal)}
        with self.log.open("ab") as log:
            if log.tell() > _LOG_KEPT:
                log.truncate(0)
            self._process = subprocess.Popen(
                [COMMAND, "serve"], cwd=self._folder, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        return self._ready()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self.wait()

    def wait(self) -> None:
        if self._process is not None:
            self._process.wait(timeout=30)

    def stop(self) -> None:
        """As an operator would."""
        self._signal(signal.SIGTERM)
        self.wait()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill_readers(self) -> int:
        """Kill every parser child; returns how many there were."""
        readers = [] if self.died else descendants(self.pid)
        for pid in readers:
            _kill(pid)
        return len(readers)

    def memory(self) -> Memory:
        return memory_of(self.pid)

    def _ready(self) -> bool:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            if self.died:
                if self.interposer.fired:
                    return False
                raise StartFailed(self._last_words())
            if self._is_up():
                return True
            time.sleep(0.03)
        raise StartFailed(f"not ready within {_START_SECONDS:g} s: {self._last_words()}")

    def _is_up(self) -> bool:
        try:
            answer = loopback.get(f"{self.address}/health", 5)
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK and bool(self._announced())

    def _announced(self) -> bool:
        try:
            return bool(json.loads((self.data / "server.json").read_text())["pid"] == self.pid)
        except (FileNotFoundError, ValueError):
            return False

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _last_words(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-2000:]


def memory_of(pid: int) -> Memory:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines())
    own, mapped = (int(fields[name].split()[0]) * 1024 / 1e6 for name in ("RssAnon", "RssFile"))
    return Memory(own, mapped, memory_mb(pid)["rss"] - own - mapped)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it ended by itself
