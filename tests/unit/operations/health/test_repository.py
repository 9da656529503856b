from pathlib import Path

import pytest

from ragkeeper.operations.health.repository import machine

GIB = 2**30


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal:  8388608 kB\nMemFree: 1 kB\nMemAvailable:  6291456 kB\n")
    (tmp_path / "proc/loadavg").write_text("0.50 0.25 0.12 1/300 4711\n")
    (tmp_path / "proc/self/cgroup").write_text("0::/outer/inner\n")
    return tmp_path / "proc"


def limit(folder: Path, most: str, now: int, idle: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{most}\n")
    (folder / "memory.current").write_text(f"{now}\n")
    (folder / "memory.stat").write_text(f"anon 1\ninactive_file {idle}\n")


def test_memory_and_load_of_a_machine_without_limits(proc: Path, tmp_path: Path) -> None:
    limit(tmp_path / "cgroup/outer/inner", "max", GIB, 0)
    found = machine(proc, tmp_path / "cgroup")
    assert found is not None
    assert (found.memory_total, found.memory_used, found.limited) == (8 * GIB, 2 * GIB, False)
    assert (found.load_1, found.load_5, found.load_15) == (0.5, 0.25, 0.12)


def test_the_tightest_limit_above_this_process_counts(proc: Path, tmp_path: Path) -> None:
    limit(tmp_path / "cgroup/outer", str(GIB), GIB // 2, GIB // 4)
    limit(tmp_path / "cgroup/outer/inner", str(4 * GIB), GIB, 0)
    found = machine(proc, tmp_path / "cgroup")
    assert found is not None
    assert (found.memory_total, found.memory_used, found.limited) == (GIB, GIB // 4, True)


def test_a_limit_above_the_machine_s_memory_limits_nothing(proc: Path, tmp_path: Path) -> None:
    limit(tmp_path / "cgroup/outer", str(64 * GIB), GIB, 0)
    found = machine(proc, tmp_path / "cgroup")
    assert found is not None
    assert (found.memory_total, found.limited) == (8 * GIB, False)


def test_a_system_that_does_not_say_has_no_figures(tmp_path: Path) -> None:
    assert machine(tmp_path, tmp_path) is None
