"""A PostgreSQL of the tests' own: a free port of this machine, a folder of its own, gone at the end."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from bench.ports import free_port

START_SECONDS = 30.0
PASSWORD = "not-to-be-seen-anywhere"  # noqa: S105 - of a server that lives for one test
_USER = "keeper"
# What was committed survives `stop`, as it would a crash of the server; a power cut, which costs time, it would not.
_QUICK = ("fsync=off", "full_page_writes=off", "max_connections=60")


@dataclass
class PostgresServer:
    """Can be stopped, frozen and started again on the same port with what it holds."""

    binaries: Path
    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str, password: str = PASSWORD) -> str:
        return f"postgresql://{_USER}:{password}@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        os.chown(secret, *_unprivileged())
        given = ["-D", self._data, "-U", _USER, "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync"]
        self._run([self.binaries / "initdb", *given, "--encoding=UTF8", "--locale=C.UTF-8"])

    def start(self) -> None:
        """Does nothing while it runs."""
        if self.process is not None:
            return
        settings = [word for setting in _QUICK for word in ("-c", setting)]
        given = ["-D", self._data, "-p", str(self.port), "-k", self.folder, "-c", "listen_addresses=127.0.0.1"]
        with (self.folder / "postgres.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.binaries / "postgres", *given, *settings],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                **_as_nobody(),
            )
        self._wait()

    def stop(self) -> None:
        """At once, as a crash would; what it had under way is gone."""
        if self.process is not None:
            self.thaw()
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(timeout=30)
            self.process = None

    def freeze(self) -> None:
        """It accepts connections, and says nothing any more."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def database(self, name: str) -> str:
        """Make it, and return its address."""
        with closing(psycopg.connect(self.url("postgres"), autocommit=True)) as connection:
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        return self.url(name)

    def readers_url(self) -> str:
        """The address of a database for somebody who may only look."""
        self.database("readable")
        with closing(psycopg.connect(self.url("readable"), autocommit=True)) as connection:
            connection.execute(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
        return f"postgresql://reader:{PASSWORD}@127.0.0.1:{self.port}/readable"

    def _signal(self, number: int) -> None:
        assert self.process is not None
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
        # Each connection's process is in a group of its own.
        for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(child), number)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _run(self, command: list[str | Path]) -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder, **_as_nobody())
        assert done.returncode == 0, done.stderr

    def _wait(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            with suppress(psycopg.OperationalError), closing(psycopg.connect(self.url("postgres"), connect_timeout=2)):
                return
            time.sleep(0.05)
        raise AssertionError((self.folder / "postgres.log").read_text())


@contextmanager
def postgres_server(binary: Path) -> Iterator[PostgresServer]:
    """binary: `postgres`, its tools beside it. It refuses to be run by root, and so has a folder that others reach."""
    folder = Path(tempfile.mkdtemp(prefix="ragkeeper-postgres-"))
    os.chown(folder, *_unprivileged())
    server = PostgresServer(binary.parent, folder)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _unprivileged() -> tuple[int, int]:
    if os.getuid() != 0:
        return os.getuid(), os.getgid()
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _as_nobody() -> dict[str, Any]:
    user, group = _unprivileged()
    return {"user": user, "group": group, "extra_groups": []} if os.getuid() == 0 else {}
