import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragkeeper.operations.diagnose.host import look
from ragkeeper.operations.health.models import Machine

MEMINFO = "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 400 kB\nSwapTotal: {swap} kB\nSwapFree: 40 kB\n"
NET = (
    "Inter-|   Receive                            |  Transmit\n face |bytes packets errs drop fifo frame comp multi\n"
    "  lo: 10 1 0 0 0 0 0 0 20 2 0 0 0 0 0 0\neth0:100 3 0 0 0 0 0 0 200 4 0 0 0 0 0 0\n"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "proc"
    (folder / "net").mkdir(parents=True)
    (folder / "self").mkdir()
    (folder / "self/cgroup").write_text("0::/\n")
    (folder / "loadavg").write_text("1.50 1.00 0.50 1/100 1\n")
    (folder / "meminfo").write_text(MEMINFO.format(swap=100))
    (folder / "net/dev").write_text(NET)
    (folder / "diskstats").write_text("")
    return folder


def times(*pairs: tuple[float, float] | None):
    found: Iterator[tuple[float, float] | None] = iter(pairs)
    return lambda: next(found)


def test_figures_are_those_of_the_system(root: Path, tmp_path: Path):
    slept: list[float] = []
    found = look(lambda: None, times((10, 100), (11.5, 102)), {"data": tmp_path}, root, slept.append)
    assert (found.cpu.percent, found.cpu.load_avg, slept) == (75.0, (1.5, 1.0, 0.5), [1.0])
    assert (found.cpu.count, found.cpu.of_machine) == (len(os.sched_getaffinity(0)), os.cpu_count())
    assert (found.memory.percent, found.memory.total, found.memory.available) == (60.0, 1024_000, 409_600)
    assert found.memory.swap_percent == 60.0
    assert found.network == type(found.network)(220, 110, 6, 4)
    used = shutil.disk_usage(tmp_path)
    [one] = found.disk.file_systems
    assert (one.path, one.total) == (str(tmp_path), used.total)
    assert one.percent == pytest.approx(100 * used.used / (used.used + used.free), abs=0.5)


def test_a_machine_without_swap_and_a_system_without_processor_times(root: Path, tmp_path: Path):
    (root / "meminfo").write_text("MemTotal: 1000 kB\nMemAvailable: 400 kB\n")
    found = look(lambda: None, times(None, None), {}, root, lambda _seconds: None)
    assert (found.memory.swap_percent, found.cpu.percent, list(found.disk.file_systems)) == (0.0, 0.0, [])


def test_a_containers_limit_counts(root: Path):
    machine = Machine(500_000, 440_000, True, 0, 0, 0)
    found = look(lambda: machine, times((0, 0), (1, 1)), {}, root, lambda _seconds: None)
    assert (found.memory.percent, found.memory.total) == (88.0, 500_000)


def test_each_file_system_with_a_size_once_and_a_folder_that_is_not_there_yet(root: Path, tmp_path: Path):
    paths = {"data": tmp_path, "files": tmp_path / "files", "system": Path("/dev/none"), "unsized": Path("/proc/none")}
    found = look(lambda: None, times((0, 0), (1, 1)), paths, root, lambda _seconds: None)
    assert [one.path for one in found.disk.file_systems] == [str(tmp_path), "/dev"]
