"""What the machine itself says: memory and load, as Linux counts them."""

from pathlib import Path

from ragkeeper.operations.health.models import Machine

_KIB = 1024


def machine(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> Machine | None:
    """Memory of the machine, or of the container where that may use less; None where the system does not say.

    `/proc/meminfo` and `/proc/loadavg` are described in proc(5), the files of a container's limit in
    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files.
    """
    try:
        meminfo = _numbers(proc / "meminfo")
        load = [float(word) for word in (proc / "loadavg").read_text().split()[:3]]
        total, used = meminfo["MemTotal"] * _KIB, (meminfo["MemTotal"] - meminfo["MemAvailable"]) * _KIB
    except (OSError, KeyError, ValueError):
        return None
    limit = _container(proc, cgroups)
    limited = limit is not None and limit[0] < total
    memory = limit if limit and limited else (total, used)
    return Machine(memory[0], memory[1], limited, load[0], load[1], load[2])


def _container(proc: Path, cgroups: Path) -> tuple[int, int] | None:
    """The tightest limit on this process and what counts towards it, in bytes; None without a limit."""
    try:
        own = next(line for line in (proc / "self/cgroup").read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return None
    inner = cgroups / own.removeprefix("0::").lstrip("/")
    found = [_limit(folder) for folder in (inner, *inner.parents) if folder.is_relative_to(cgroups)]
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
