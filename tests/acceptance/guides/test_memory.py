"""Whether memory leaks, as the guides promise to tell it: from samples of the server's own processes."""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.guides.test_diagnosis import Machine, machine_of
from tests.acceptance.mounts import inside
from tests.acceptance.server import Server, run, serving

MINUTES, SECONDS = 30.0, 3.0
"""Half an hour passes in three seconds: sixty samples in either."""

FAST = ("--minutes", str(SECONDS / 60), "--interval", str(SECONDS / 60))
LEVEL = 400_000

VERDICTS = {
    "leak": "Potential memory leak detected!",
    "stable": "Memory usage appears stable",
    "decreasing": "Memory usage is decreasing (normal)",
}

Course = Callable[[float], float]
"""Kilobytes by minutes."""


class Memory:
    """What the kernel says of the server's memory, decided by the test."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._file = machine.server.folder / "smaps_rollup"
        self._write(LEVEL)
        place = f"/proc/{machine.server.process.pid}/smaps_rollup"
        inside(machine.server, "mount", "--bind", str(self._file), place)

    def verdict(self, course: Course) -> tuple[str, int, float]:
        """What is said of it, how sure that is, and the guide's growth; of a watch that begins with the course."""
        self._write(course(0))
        with self._machine.begin("diagnose", "memory", *FAST) as watching:
            assert watching.stdout is not None
            assert watching.stdout.readline().startswith("Watching")
            began = time.monotonic()
            while watching.poll() is None:
                self._write(course((time.monotonic() - began) * MINUTES / SECONDS))
                time.sleep(0.01)
            told = watching.stdout.read()
        found = next(word for word, line in VERDICTS.items() if line in told)
        assert watching.returncode == (1 if found == "leak" else 0)
        confidence = int(told.split("(confidence ")[1].split("%")[0])
        return found, confidence, float(told.split("Growth rate: ")[1].split("%")[0])

    def _write(self, kilobytes: float) -> None:
        """In place and of one length: a reader sees the old figure or the new one."""
        text = (
            f"0-1 ---p 00000000 00:00 0 [rollup]\nPrivate_Clean:            0 kB\nPrivate_Dirty: {kilobytes:12.0f} kB\n"
        )
        handle = os.open(self._file, os.O_WRONLY | os.O_CREAT)
        os.pwrite(handle, text.encode(), 0)
        os.close(handle)


def noisy(course: Course, seed: int, size: float = 1500) -> Course:
    chance = random.Random(seed)  # noqa: S311 - not a secret
    return lambda minute: course(minute) + chance.gauss(0, size)


def usual(seed: int) -> Course:
    """Garbage that is collected late, caches that fill, bursts."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    fills, phase = chance.uniform(0, 30_000), chance.random() * 3

    def course(minute: float) -> float:
        burst = 100_000 if chance.random() < 0.04 else 0
        return LEVEL + fills * (1 - 2 ** (-minute)) + 5000 * ((minute + phase) % 3) / 3 + burst

    return noisy(course, seed)


@pytest.mark.timeout(480)
def test_g4_106_growth_is_told_from_warm_up(tmp_path: Path):
    with machine_of(tmp_path) as machine:
        memory = Memory(machine)
        found, confidence, growth = memory.verdict(noisy(lambda minute: LEVEL + 2000 * minute, 1))
        assert (found, confidence >= 99, growth > 3) == ("leak", True, True)
        found, _, growth = memory.verdict(noisy(lambda minute: LEVEL * (1.3 if minute > 10 else 1), 2))
        assert (found, growth > 10) == ("stable", True)  # the guide would call it a leak
        assert memory.verdict(noisy(lambda minute: 1.4 * LEVEL - 4000 * minute, 3))[0] == "decreasing"
        assert "leak" not in [memory.verdict(usual(seed))[0] for seed in range(20)]
        told = machine.run("diagnose", "memory", *FAST).stdout
        for line in ("Average memory usage (first half): ", "Average memory usage (second half): ", "Growth rate: "):
            assert line in told


@pytest.mark.timeout(200)
def test_g4_104_the_servers_own_memory_is_sampled_and_no_page_cache(tmp_path: Path):
    """A gigabyte goes through the server's disk meanwhile."""
    with serving(tmp_path, {"RAG_MIN_FREE_MB": "0"}) as server:
        uploading = threading.Thread(target=_upload_a_gigabyte, args=(server,))
        uploading.start()
        done = server.run("diagnose", "memory", "--minutes", "0.5", "--interval", "0.5", check=False)
        uploading.join()
        lines = [line for line in done.stdout.splitlines() if " - Memory: " in line]
        assert len(lines) >= 55
        assert all(0 < float(line.split("Memory: ")[1].split("MB")[0]) < 900 for line in lines)
        assert all(line.endswith("%)") for line in lines)
        assert "Memory usage appears stable" in done.stdout or "decreasing" in done.stdout, done.stdout
        assert done.returncode == 0
        told = server.run("diagnose", "memory", "--help").stdout
        assert "30.0" in told.split("--minutes")[1]
        assert "30.0" in told.split("--interval")[1]
    gone = run("diagnose", "memory", folder=tmp_path)
    assert (gone.returncode, "No server runs" in gone.stderr) == (3, True)


def _upload_a_gigabyte(server: Server) -> None:
    block = os.urandom(1_000_000)
    for number in range(10):
        content = number.to_bytes(4, "big") + block * 100
        server.http.post("/api/v1/documents", files={"file": (f"{number}.bin", content)}, timeout=120)


def test_g4_105_too_few_samples_have_no_verdict(server: Server):
    done = server.run("diagnose", "memory", "--minutes", "0.02", "--interval", "0.6", check=False)
    assert done.returncode == 3
    assert "Insufficient data for trend analysis" in done.stderr
    assert "stable" not in done.stdout + done.stderr


LEAKS = """
import pathlib, sqlite3, sys, threading, time

HELD = []
FOLDER = pathlib.Path({folder!r})

def leak():
    while True:
        time.sleep(0.05)
        if (FOLDER / "objects").exists():
            HELD.append(b"x" * 400_000 + bytes(len(HELD)))
        if (FOLDER / "connections").exists() and len(HELD) < 600:
            HELD.append(sqlite3.connect({database!r}, check_same_thread=False))
            HELD[-1].execute("SELECT * FROM sqlite_master").fetchall()

if "serve" in sys.argv:
    threading.Thread(target=leak, daemon=True).start()
"""


@contextmanager
def leaking(folder: Path) -> Iterator[Server]:
    """A server that leaks what the files `objects` and `connections` beside it ask for."""
    code = LEAKS.format(folder=str(folder), database=str(folder / "data" / "ragkeeper.db"))
    (folder / "code").mkdir()
    (folder / "code" / "sitecustomize.py").write_text(code, encoding="utf-8")
    with serving(folder, {"PYTHONPATH": str(folder / "code")}) as server:
        yield server


@pytest.mark.timeout(200)
def test_g4_107_what_grew_is_shown_before_a_restart_is_mentioned(tmp_path: Path):
    line = LEAKS.splitlines().index('            HELD.append(b"x" * 400_000 + bytes(len(HELD)))') + 1
    with leaking(tmp_path) as server:
        for kind, growth in (("connections", "ragkeeper.db +"), ("objects", f"sitecustomize.py:{line}")):
            (tmp_path / kind).touch()
            done = server.run(
                "diagnose", "memory", "--minutes", "0.25", "--interval", "0.25", "--allocations", check=False
            )
            (tmp_path / kind).unlink()
            words = ("1. Errors: ", "2. Open files and connections: ", "3. Garbage", "4. Alloc", "5. A restart")
            places = [done.stdout.index(word) for word in words]
            assert places == sorted(places)
            assert growth in done.stdout, done.stdout
            if kind == "connections":
                assert done.stdout.index(growth) < places[3]
            else:
                assert (done.returncode, "Potential memory leak detected!" in done.stdout) == (1, True)
                first = done.stdout[places[3] :].splitlines()[1]
                assert f"sitecustomize.py:{line}" in first
                assert "restart" not in done.stdout[: places[4]]
        assert server.http.get("/admin/diagnose/allocations").json()["code"] == "not_tracing"
