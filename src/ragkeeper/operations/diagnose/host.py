"""The machine's figures for a diagnosis, from `/proc`: the same whether a server runs or not."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ragkeeper.operations.diagnose.models import Cpu, Disk, FileSystem, Host, Memory, Network
from ragkeeper.operations.health.models import Machine
from ragkeeper.operations.metrics import proc

_SECTOR = 512
_SECOND = 1.0
_SYS_BLOCK = Path("/sys/block")
# What is no disk of its own: files and memory that look like one.
_NO_DISKS = ("loop", "ram", "zram")

CpuTimes = Callable[[], tuple[float, float] | None]


def look(
    machine: Callable[[], Machine | None],
    cpu_times: CpuTimes,
    paths: Mapping[str, Path],
    root: Path = proc.PROC,
    sleep: Callable[[float], None] = time.sleep,
    pid: int | None = None,
) -> Host:
    """machine, cpu_times: of the container where it has limits; paths: all that is written to, by what it holds.

    pid: whose share of the processors counts; else this process's.

    Takes a second. Raises OSError or ValueError where the system is not Linux.
    """
    before = cpu_times()
    sleep(_SECOND)
    after = cpu_times()
    spent, could = (after[0] - before[0], after[1] - before[1]) if before and after else (0.0, 0.0)
    percent = min(100 * spent / could, 100.0) if could > 0 else 0.0
    return Host(
        Cpu(percent, proc.usable_processors(root, pid=pid), proc.load(root), os.cpu_count() or 1),
        _memory(machine(), root),
        Disk(_file_systems(paths), *_transferred(root)),
        _network(root),
    )


def _memory(machine: Machine | None, root: Path) -> Memory:
    found = proc.memory(root)
    total, available = found["MemTotal"], found["MemAvailable"]
    if machine is not None and machine.limited:
        total, available = machine.memory_total, max(machine.memory_total - machine.memory_used, 0)
    swap = found.get("SwapTotal", 0)
    swapped = 100 * (swap - found.get("SwapFree", 0)) / swap if swap else 0.0
    return Memory(100 * (total - available) / total, available, total, swapped)


def _file_systems(paths: Mapping[str, Path]) -> list[FileSystem]:
    """Each file system once, by the first path on it; a path that is not there yet lies where its folder does.

    One that does not say how large it is, as some in user space, is left out.
    """
    found: dict[int, FileSystem] = {}
    for path in paths.values():
        place = next((one for one in (path, *path.parents) if one.exists()), path)
        try:
            device, stat = place.stat().st_dev, os.statvfs(place)
        except OSError:
            continue
        if not stat.f_blocks:
            continue
        used = (stat.f_blocks - stat.f_bfree) * stat.f_frsize
        free = stat.f_bavail * stat.f_frsize
        percent = 100 * used / (used + free) if used + free else 100.0
        found.setdefault(device, FileSystem(str(place), percent, free, stat.f_blocks * stat.f_frsize))
    return list(found.values())


def _transferred(root: Path) -> tuple[int, int]:
    """Bytes read and written by whole disks; 0 where the system does not count them."""
    try:
        disks = {one.name for one in _SYS_BLOCK.iterdir() if not one.name.startswith(_NO_DISKS)}
        lines = [line.split() for line in (root / "diskstats").read_text().splitlines()]
    except OSError:
        return 0, 0
    own = [words for words in lines if len(words) > 9 and words[2] in disks]  # noqa: PLR2004 - the last one read here
    return _SECTOR * sum(int(words[5]) for words in own), _SECTOR * sum(int(words[9]) for words in own)


def _network(root: Path) -> Network:
    rows = [_numbers(line) for line in (root / "net/dev").read_text().splitlines()[2:]]
    received, packets_received, sent, packets_sent = (sum(row[place] for row in rows) for place in (0, 1, 8, 9))
    return Network(sent, received, packets_sent, packets_received)


def _numbers(line: str) -> Sequence[int]:
    return [int(word) for word in line.partition(":")[2].split()]
