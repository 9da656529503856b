"""What is read of /proc, from folders made for the purpose and from the real one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ragkeeper.operations.metrics import proc


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_time_of_each_processor(tmp_path: Path):
    stat = "cpu  30 0 0 300 0 0 0 0 0 0\ncpu0 10 1 2 100 3 4 5 6 0 0\ncpu1 20 0 0 200 0 0 0 0 0 0\nintr 5\n"
    found = proc.cpu_seconds(write(tmp_path, stat=stat))
    ticks = os.sysconf("SC_CLK_TCK")
    assert found["0", "idle"] == 100 / ticks
    assert found["0", "steal"] == 6 / ticks
    assert {cpu for cpu, _ in found} == {"0", "1"}


def test_memory_in_bytes(tmp_path: Path):
    found = proc.memory(write(tmp_path, meminfo="MemTotal:       1000 kB\nHugePages_Total:       2\n"))
    assert found == {"MemTotal": 1_024_000, "HugePages_Total": 2}


def test_bytes_of_each_device(tmp_path: Path):
    head = "Inter-|   Receive  |  Transmit\n face |bytes packets\n"
    lines = "    lo:  100 2 0 0 0 0 0 0  200 2 0 0 0 0 0 0\n  eth0:300 2 0 0 0 0 0 0 400 2 0 0 0 0 0 0\n"
    assert proc.network(write(tmp_path, net__dev=head + lines)) == {"lo": (100, 200), "eth0": (300, 400)}


MOUNTS = (
    "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    "22 21 8:2 / /srv rw shared:1 - xfs /dev/sdb1 rw\n"
    "23 21 8:3 / /srv/my\\040disk rw - nfs4 server:/x rw\n"
)


@pytest.mark.parametrize(
    ("path", "mountpoint", "kind"),
    [("/home/x", "/", "ext4"), ("/srv/data", "/srv", "xfs"), ("/srv/my disk/data", "/srv/my disk", "nfs4")],
)
def test_the_file_system_of_a_path(tmp_path: Path, path: str, mountpoint: str, kind: str):
    [found] = proc.file_systems([Path(path)], write(tmp_path, self__mountinfo=MOUNTS))
    assert (found.mountpoint, found.kind) == (mountpoint, kind)


def test_paths_on_one_file_system_are_one(tmp_path: Path):
    found = proc.file_systems([Path("/srv/a"), Path("/srv/b"), Path("/c")], write(tmp_path, self__mountinfo=MOUNTS))
    assert {one.device for one in found} == {"/dev/sda1", "/dev/sdb1"}


@pytest.mark.parametrize(("limit", "usable"), [("max 100000", None), ("50000 100000", 0.5), ("", None)])
def test_a_container_may_have_a_share_of_a_processor(tmp_path: Path, limit: str, usable: float | None):
    groups = write(tmp_path / "groups", **{"inner__cpu.max": limit})
    found = proc.usable_processors(write(tmp_path, self__cgroup="0::/inner\n"), groups)
    assert found == (usable or len(os.sched_getaffinity(0)))


def test_this_process_and_its_child():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        try:
            assert child.pid in proc.descendants(os.getpid())
            found = proc.process(child.pid)
            assert "input()" in found.command
            assert (found.threads, found.waited) == (1, 0)
            assert proc.unique_memory(child.pid) < found.resident
        finally:
            child.communicate(b"\n")
    assert proc.process(os.getpid()).resident > 1_000_000


def test_a_process_that_has_ended_is_an_error_that_callers_know():
    with pytest.raises(OSError, match="No such file"):
        proc.process(2**22 + 1)
