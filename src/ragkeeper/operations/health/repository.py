"""What the machine itself says: memory, load, processors and disks, as Linux counts them."""

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from ragkeeper.operations.health.models import Disk, DiskVerdict, Machine
from ragkeeper.operations.metrics.proc import CGROUPS, PROC, control_groups

_KIB = 1024


def machine(proc: Path = PROC, cgroups: Path = CGROUPS, pid: int | None = None) -> Machine | None:
    """Memory of the machine, or of a container that may use less; None where the system does not say.

    pid: of a process in the container, else this one.

    `/proc/meminfo` and `/proc/loadavg` are described in proc(5), the files of a container's limit in
    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files.
    """
    try:
        meminfo = _numbers(proc / "meminfo")
        load = [float(word) for word in (proc / "loadavg").read_text().split()[:3]]
        total, used = meminfo["MemTotal"] * _KIB, (meminfo["MemTotal"] - meminfo["MemAvailable"]) * _KIB
    except (OSError, KeyError, ValueError):
        return None
    limit = _container(control_groups(proc, cgroups, pid))
    limited = limit is not None and limit[0] < total
    memory = limit if limit and limited else (total, used)
    return Machine(memory[0], memory[1], limited, load[0], load[1], load[2])


def cpu_times(proc: Path = PROC, cgroups: Path = CGROUPS, pid: int | None = None) -> tuple[float, float] | None:
    """(busy, available) processor seconds so far: of the container where its processors are limited.

    Two of them tell the share between: what is waited for, idle and taken by other guests is not busy.

    pid: of a process in the container, else this one. `cpu.max` and `cpu.stat` are described in
    https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files.
    """
    try:
        ticks = [int(word) for word in (proc / "stat").read_text().splitlines()[0].split()[1:9]]
    except (OSError, ValueError, IndexError):
        return None
    limited = _cpu_of_container(control_groups(proc, cgroups, pid))
    if limited is not None:
        return limited
    hertz = os.sysconf("SC_CLK_TCK")
    idle = ticks[3] + ticks[4]
    return (sum(ticks) - idle - ticks[7]) / hertz, sum(ticks) / hertz


def _cpu_of_container(groups: Iterable[Path]) -> tuple[float, float] | None:
    for folder in groups:
        try:
            quota, period = (folder / "cpu.max").read_text().split()
            if quota != "max":
                used = _numbers(folder / "cpu.stat")["usage_usec"] / 1e6
                return used, time.monotonic() * int(quota) / int(period)
        except (OSError, ValueError, KeyError):
            continue
    return None


def killed_for_memory(proc: Path = PROC, cgroups: Path = CGROUPS, pid: int | None = None) -> int:
    """Processes that the kernel ended because this container's memory was used up; 0 where nothing says so.

    pid: of a process in the container, else this one.
    """
    for folder in control_groups(proc, cgroups, pid):
        try:
            return _numbers(folder / "memory.events")["oom_kill"]
        except (OSError, KeyError):
            continue
    return 0


def disks(paths: Mapping[str, Path]) -> list[Disk]:
    """One for each path that is written to, by what is written there; one that is gone has nothing left."""
    return [_disk(what, path) for what, path in paths.items()]


def _disk(what: str, path: Path) -> Disk:
    try:
        found, device = os.statvfs(path), path.stat().st_dev
    except OSError:
        return Disk(what, str(path), 0, 0, 0, 0, 0, 0, DiskVerdict.MISSING)
    unit = found.f_frsize
    used = (found.f_blocks - found.f_bfree) * unit
    free, total = found.f_bavail * unit, found.f_blocks * unit
    return Disk(what, str(path), total, used, free, found.f_files, found.f_favail, device)


def _container(groups: Iterable[Path]) -> tuple[int, int] | None:
    """The tightest limit of them and what counts towards it, in bytes; None without a limit."""
    found = [_limit(folder) for folder in groups]
    return min((one for one in found if one), default=None)


def _limit(folder: Path) -> tuple[int, int] | None:
    try:
        most = (folder / "memory.max").read_text().strip()
        now = int((folder / "memory.current").read_text())
        # Pages that are only kept because there is room do not press on the limit.
        idle = _numbers(folder / "memory.stat").get("inactive_file", 0)
    except (OSError, ValueError):
        return None
    return None if most == "max" else (int(most), max(now - idle, 0))


def _numbers(file: Path) -> dict[str, int]:
    """Lines of a name, a number and perhaps a unit."""
    words = [line.replace(":", " ").split() for line in file.read_text().splitlines()]
    return {line[0]: int(line[1]) for line in words if len(line) > 1 and line[1].isdecimal()}
