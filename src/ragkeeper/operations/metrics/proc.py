"""What Linux says of the machine and its processes, read from `/proc` (proc(5)) and the control groups.

Numbers in seconds and bytes. A file that is not there, or not as expected, raises OSError, ValueError or KeyError;
a process may end while it is looked at, which raises the same.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ragkeeper.core.figures.machine import CPU_MODES

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
_TICKS = os.sysconf("SC_CLK_TCK")
_KIB = 1024
# Where the fields of /proc/PID/stat that follow the name are: see proc(5), whose first field after it is number 3.
_TIMES, _TIMES_OF_ENDED = slice(11, 13), slice(13, 15)
_PARENT, _THREADS = 1, 17


@dataclass(frozen=True, slots=True)
class FileSystem:
    device: str
    kind: str
    mountpoint: str


@dataclass(frozen=True, slots=True)
class Process:
    """cpu: seconds, waited: those of children that have ended. read, written: bytes from and to disks, theirs too."""

    pid: int
    command: str
    cpu: float
    waited: float
    resident: int
    read: int
    written: int
    files: int
    threads: int


def cpu_seconds(proc: Path = PROC) -> dict[tuple[str, str], float]:
    """By number of the processor and what its time was spent on."""
    found = {}
    for line in (proc / "stat").read_text().splitlines():
        name, _, ticks = line.partition(" ")
        if name.startswith("cpu") and name != "cpu":
            for mode, tick in zip(CPU_MODES, ticks.split(), strict=False):
                found[name.removeprefix("cpu"), mode] = int(tick) / _TICKS
    return found


def memory(proc: Path = PROC) -> dict[str, int]:
    """The lines of /proc/meminfo."""
    lines = [line.replace(":", " ").split() for line in (proc / "meminfo").read_text().splitlines()]
    return {words[0]: int(words[1]) * (_KIB if words[-1] == "kB" else 1) for words in lines if len(words) > 1}


def load(proc: Path = PROC) -> tuple[float, float, float]:
    one, five, fifteen = (proc / "loadavg").read_text().split()[:3]
    return float(one), float(five), float(fifteen)


def network(proc: Path = PROC) -> dict[str, tuple[int, int]]:
    """Bytes that came in and went out, by device."""
    found = {}
    for line in (proc / "net/dev").read_text().splitlines()[2:]:
        device, _, numbers = line.partition(":")
        words = numbers.split()
        found[device.strip()] = int(words[0]), int(words[8])
    return found


def file_systems(paths: Iterable[Path], proc: Path = PROC) -> set[FileSystem]:
    """Those that the paths lie on; a path that is not there yet lies where its nearest folder does."""
    mounts = [_mount(line) for line in (proc / "self/mountinfo").read_text().splitlines()]
    found = set()
    for path in paths:
        place = path.resolve()
        # Of two mounts at one place the later one covers the other.
        over = [one for one in mounts if place.is_relative_to(one.mountpoint)]
        if over:
            found.add(max(reversed(over), key=lambda one: len(one.mountpoint)))
    return found


def _mount(line: str) -> FileSystem:
    before, _, after = line.partition(" - ")
    kind, device = after.split()[:2]
    return FileSystem(_plain(device), kind, _plain(before.split()[4]))


def _plain(text: str) -> str:
    """Spaces and the like are written as octal numbers there."""
    for octal, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(octal, character)
    return text


def process(pid: int, proc: Path = PROC) -> Process:
    folder = proc / str(pid)
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    io = dict(line.split(": ") for line in (folder / "io").read_text().splitlines())
    return Process(
        pid=pid,
        command=(folder / "cmdline").read_text(errors="replace").replace("\0", " ").strip(),
        cpu=sum(int(ticks) for ticks in fields[_TIMES]) / _TICKS,
        waited=sum(int(ticks) for ticks in fields[_TIMES_OF_ENDED]) / _TICKS,
        resident=int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
        read=int(io["read_bytes"]),
        written=int(io["write_bytes"]),
        files=len(list((folder / "fd").iterdir())),
        threads=int(fields[_THREADS]),
    )


def thread_seconds(pid: int, thread: int, proc: Path = PROC) -> float:
    """Processor time of one thread, by the kernel's number of it."""
    fields = (proc / str(pid) / "task" / str(thread) / "stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[_TIMES]) / _TICKS


def unique_memory(pid: int, proc: Path = PROC) -> int:
    """Bytes that nobody shares with it. The kernel walks through all of its memory for that: not for each scrape."""
    lines = (line.split() for line in (proc / str(pid) / "smaps_rollup").read_text().splitlines()[1:])
    return sum(int(words[1]) * _KIB for words in lines if words[0] in {"Private_Clean:", "Private_Dirty:"})


def descendants(pid: int, proc: Path = PROC) -> list[int]:
    """Its children, theirs, and so on."""
    parents = _parents(proc)
    found: list[int] = []
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        children = [child for child, parent in parents.items() if parent == one]
        found += children
        waiting += children
    return found


def _parents(proc: Path) -> Mapping[int, int]:
    found = {}
    for entry in proc.iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            found[int(entry.name)] = int(fields[_PARENT])
    return found


def usable_processors(proc: Path = PROC, cgroups: Path = CGROUPS, pid: int | None = None) -> float:
    """Those that a process, else this one, may run on, or the share of them that its container has."""
    count = float(len(os.sched_getaffinity(pid or 0)))
    shares = [_share(folder) for folder in control_groups(proc, cgroups, pid)]
    return min([count, *(share for share in shares if share is not None)])


def _share(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else int(quota) / int(period)


def control_groups(proc: Path = PROC, cgroups: Path = CGROUPS, pid: int | None = None) -> list[Path]:
    """The folders of the control group of a process, else this one's, and of those around it, the innermost first.

    Empty where the system has no version 2 of them; see cgroups(7).
    """
    listed = proc / str(pid or "self") / "cgroup"
    try:
        own = next(line for line in listed.read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return []
    inner = cgroups / own.removeprefix("0::").lstrip("/")
    return [folder for folder in (inner, *inner.parents) if folder.is_relative_to(cgroups)]
