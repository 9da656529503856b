import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ragkeeper.operations.diagnose.processes import open_files, sample

NOW = datetime(2026, 11, 21, tzinfo=UTC)


# Each step of these begins at a line that comes in and ends with a line that goes out.
GROW = """
block = bytearray(b"x") * 50_000_000
"""
OPEN = """
files, sockets = [open(sys.argv[1], "w") for _ in range(5)], socket.socketpair()
step()
for file in files: file.close()
"""
STEPS = """
import socket, sys
def step():
    print(flush=True)
    input()
step()
"""


class Stepping:
    """A process that does the next step of a script at each call.

    The process that runs the tests would not do: it has free memory to give out again, and sockets of other tests.
    """

    def __init__(self, child: subprocess.Popen[str]):
        self.pid = child.pid
        self._child = child

    def __call__(self) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write("\n")
        self._child.stdin.flush()
        self.has_stopped()

    def has_stopped(self) -> None:
        assert self._child.stdout is not None
        assert self._child.stdout.readline() == "\n"


@contextmanager
def stepping(script: str, *arguments: str) -> Iterator[Stepping]:
    command = [sys.executable, "-c", f"{STEPS}{script}step()", *arguments]
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=null, text=True) as child:
        step = Stepping(child)
        step.has_stopped()
        try:
            yield step
        finally:
            child.kill()


def test_memory_is_what_only_this_process_has():
    with stepping(GROW) as step:
        before = sample(step.pid, 10**9, NOW)
        step()
        after = sample(step.pid, 10**9, NOW)
    assert 45_000_000 < after.used - before.used < 60_000_000
    assert after.percent == pytest.approx(100 * after.used / 10**9)
    assert (before.processes, after.processes) == (1, 1)


def test_open_files_are_named(tmp_path: Path):
    file = str(tmp_path / "x")
    with stepping(OPEN, file) as step:
        assert file not in open_files(step.pid)
        step()
        found = open_files(step.pid)
        assert (found[file], found["local socket"]) == (5, 2)
        step()
        assert file not in open_files(step.pid)


def test_connections_are_named_by_whom_they_lead_to(tmp_path: Path):
    folder = tmp_path / "77"
    (folder / "fd").mkdir(parents=True)
    (folder / "net").mkdir()
    (folder / "stat").write_text("77 (x) S 1 " + "0 " * 40)
    (folder / "fd/3").symlink_to("socket:[111]")
    (folder / "fd/4").symlink_to("socket:[222]")
    (folder / "fd/5").symlink_to("pipe:[9]")
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    (folder / "net/tcp").write_text(
        head
        + "   0: 0100007F:1F40 0200007F:9C40 01 00000000:00000000 00:00000000 00000000 0 0 111 1 0\n"
        + "   1: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 222 1 0\n"
    )
    assert open_files(77, tmp_path) == {"connection with 127.0.0.2": 1, "listening socket": 1}
