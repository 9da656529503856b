"""A Redis of the tests' own: a free port of this machine, a folder of its own, gone at the end."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.ports import free_port

START_SECONDS = 20.0


@dataclass
class RedisServer:
    """Can be stopped, killed and started again on the same port with what it saved."""

    binary: Path
    folder: Path
    password: str = ""
    port: int = field(default_factory=free_port)
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/1"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        given = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""]
        secured = ["--requirepass", self.password] if self.password else []
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen([self.binary, *given, *secured, *self.options], stdout=log)
        self._wait()

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask(self, *words: str) -> bytes:
        """One command in Redis's own protocol, in the database of `url`; the raw reply, complete for short ones."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            for before in ([("AUTH", self.password)] if self.password else []) + [("SELECT", "1")]:
                connection.sendall(_spelled(*before))
                connection.recv(100)
            connection.sendall(_spelled(*words))
            return connection.recv(1_000_000)

    def names(self, pattern: str = "*") -> list[str]:
        """The keys of the database of `url`; only for few of them."""
        return self.ask("KEYS", pattern).decode().split("\r\n")[2::2]

    def _wait(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                if b"PONG" in self.ask("PING"):
                    return
            except OSError:
                time.sleep(0.01)
        raise AssertionError((self.folder / "redis.log").read_text())


@contextmanager
def redis_server(
    binary: Path, folder: Path, password: str = "", options: tuple[str, ...] = ()
) -> Iterator[RedisServer]:
    server = RedisServer(binary, folder, password, options=options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _spelled(*words: str) -> bytes:
    return b"".join([b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode()) for w in words)])
