"""What a process and everything it started use, from /proc."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> dict[str, float]:
    """Of a process and everything it started: pss, rss, and the part of pss that is mapped files."""
    total = {"pss": 0.0, "rss": 0.0, "pss_file": 0.0, "processes": 0.0}
    for one in (pid, *descendants(pid)):
        fields = _rollup(one)
        total["pss"] += fields.get("Pss", 0)
        total["rss"] += fields.get("Rss", 0)
        total["pss_file"] += fields.get("Pss_File", 0)
        total["processes"] += 1
    return {name: round(value, 1) for name, value in total.items()}


def processor_seconds(pid: int) -> float:
    """User and system time of a process and everything it started, ended children included once they were awaited."""
    return sum(_ticks(one) for one in (pid, *descendants(pid))) / _TICKS


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(field) for field in fields[11:15])


def _rollup(pid: int) -> dict[str, float]:
    """MB by field; empty for a process that ended meanwhile."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {name: int(value.split()[0]) * 1024 / 1e6 for name, value in (line.split(":") for line in lines)}


def descendants(pid: int) -> list[int]:
    try:
        children = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        others = [
            int(one)
            for task in Path(f"/proc/{pid}/task").iterdir()
            if task.name != str(pid)
            for one in (task / "children").read_text().split()
        ]
    except FileNotFoundError:
        return []
    found = children + others
    return found + [below for child in found for below in descendants(child)]
