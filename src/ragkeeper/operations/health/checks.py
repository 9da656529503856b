"""What the machine under the server has left: disks, memory, open files, a clock that goes right."""

import resource
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ragkeeper.core.checks import Check, Finding, Kind, NotLooked, Severity
from ragkeeper.core.clock import Clock
from ragkeeper.operations.health import repository
from ragkeeper.operations.health.models import Disk, DiskVerdict, Machine
from ragkeeper.operations.health.rules import DISK_TARGET, READ_ONLY, judged

_MEGABYTE = 1_000_000
_MEMORY_LOW = 0.95
_FEWEST_FILES = 1024
_CLOCK_SLACK = timedelta(minutes=5)

DISK_LOW = Kind(
    "disk_nearly_full",
    Severity.WARNING,
    "The disk of {what} ({path}) is {percent} % full, {free_mb} MB are free",
    "When it is full, uploads and changes are refused, and logs and backups stop.",
    "du -xh --max-depth=2 {path} | sort -h | tail -20",
)
DISK_IS_FULL = Kind(
    "disk_full",
    Severity.FAILURE,
    "The disk of {what} ({path}) is {percent} % full, {free_mb} MB are free",
    "Uploads and changes are refused; searches and answers go on for as long as they can.",
    "du -xh --max-depth=2 {path} | sort -h | tail -20",
)
INODES_LOW = Kind(
    "inodes_nearly_full",
    Severity.WARNING,
    "The disk of {what} ({path}) has used {percent} % of its inodes, {free} are free",
    "When none is left no file can be made there, whatever space is free.",
    "du -x --inodes --max-depth=2 {path} | sort -n | tail -20",
)
MEMORY_LOW = Kind(
    "memory_low",
    Severity.WARNING,
    "{percent} % of the memory of this {where} is in use ({free_mb} MB are left)",
    "The kernel may end the server at any moment; what is under way is taken up again after a restart.",
    "ps -eo pid,rss,comm --sort=-rss | head",
)
PARSER_TOO_LARGE = Kind(
    "parser_memory_above_limit",
    Severity.FAILURE,
    "One parser may take {parser_mb} MB, and this {where} has {total_mb} MB",
    "A large file makes the kernel end the server, not the parser.",
    "Set RAG_PARSER_MEMORY_MB={fitting_mb} and start the server again.",
)
PARSERS_TOO_MANY = Kind(
    "parsers_memory_above_limit",
    Severity.WARNING,
    "{workers} parsers may take {parser_mb} MB each, and this {where} has {total_mb} MB for all",
    "Large files that are read at once may make the kernel end the server.",
    "Set RAG_PARSER_MEMORY_MB={fitting_mb} or RAG_PARSER_WORKERS=1 and start the server again.",
)
KILLED = Kind(
    "killed_for_memory",
    Severity.WARNING,
    "The kernel has ended {count} processes of this container for want of memory since it began",
    "Work was interrupted, and will be again.",
    "Raise the container's memory limit, or set RAG_PARSER_WORKERS=1 and a lower RAG_PARSER_MEMORY_MB.",
)
FEW_FILES = Kind(
    "open_files_limit_low",
    Severity.WARNING,
    "A process of this user may have {limit} files open at once",
    "Under load connections are refused and files cannot be opened.",
    "ulimit -n 65536  # in a service: LimitNOFILE=65536",
)
CLOCK_BEHIND = Kind(
    "clock_behind",
    Severity.WARNING,
    "The clock of this machine is {minutes} minutes behind what was recorded here already ({newest})",
    "Times in records are wrong, and limits by time, schedules and tokens do not hold.",
    "timedatectl set-ntp true && timedatectl status",
)


@dataclass(frozen=True, slots=True)
class Parsers:
    """Files read at once, and the most memory of each in MB."""

    workers: int
    memory_mb: int


def disk_checks(paths: Mapping[str, Path], reserve_mb: int) -> list[Check]:
    """paths: every one that is written to, by what is written there."""

    def disks() -> list[Disk]:
        found = [disk for disk in repository.disks(paths) if disk.verdict is not DiskVerdict.MISSING]
        return [judged(disk, reserve_mb * _MEGABYTE) for disk in found]

    def space() -> Iterator[Finding]:
        for disk, what in _apart(disks()):
            kind = _space_kind(disk, reserve_mb * _MEGABYTE)
            if kind:
                yield kind.found(_figures(disk, what))

    def inodes() -> Iterator[Finding]:
        for disk, what in _apart(disks()):
            if disk.inodes_share >= DISK_TARGET:
                evidence: dict[str, object] = {"what": what, "path": disk.path, "free": disk.inodes_free}
                yield INODES_LOW.found({**evidence, "percent": round(disk.inodes_share * 100, 1)})

    return [
        Check("machine", "disk space", lambda: list(space()), quick=True),
        Check("machine", "inodes", lambda: list(inodes()), quick=True),
    ]


def _apart(disks: Sequence[Disk]) -> list[tuple[Disk, str]]:
    """One of each file system, with all that is written there."""
    together: dict[int, list[Disk]] = {}
    for disk in disks:
        together.setdefault(disk.device, []).append(disk)
    return [(found[0], ", ".join(disk.what for disk in found)) for found in together.values()]


def _space_kind(disk: Disk, reserve: int) -> Kind | None:
    """As status judges it, but for inodes, which have a finding of their own."""
    if not disk.total or (disk.used_share < DISK_TARGET and disk.free >= reserve):
        return None
    return DISK_IS_FULL if disk.verdict is DiskVerdict.FULL else DISK_LOW


def _figures(disk: Disk, what: str) -> dict[str, object]:
    free, total = disk.free // _MEGABYTE, disk.total // _MEGABYTE
    percent = round(disk.used_share * 100, 1)
    return {"what": what, "path": disk.path, "percent": percent, "free_mb": free, "total_mb": total}


def memory_checks(parsers: Parsers, pid: int | None = None, root: Path = Path("/")) -> list[Check]:
    """pid: of the server, which may have limits that this command has not; root: below which `/proc` and `/sys` are."""
    proc, cgroups = root / "proc", root / "sys/fs/cgroup"

    def known() -> Machine:
        found = repository.machine(proc, cgroups, pid)
        if found is None:
            raise NotLooked(reason="the system does not say how much memory it has")
        return found

    def limits() -> Iterator[Finding]:
        found = known()
        total = found.memory_total // _MEGABYTE
        evidence: dict[str, object] = {"where": _where(found), "total_mb": total, "parser_mb": parsers.memory_mb}
        if parsers.memory_mb > total:
            yield PARSER_TOO_LARGE.found({**evidence, "fitting_mb": max(total // 4, 256)})
        elif parsers.memory_mb * parsers.workers > total:
            fitting = max(total // (2 * parsers.workers), 256)
            yield PARSERS_TOO_MANY.found({**evidence, "workers": parsers.workers, "fitting_mb": fitting})

    def use() -> Iterator[Finding]:
        found = known()
        if found.memory_used > _MEMORY_LOW * found.memory_total:
            free = (found.memory_total - found.memory_used) // _MEGABYTE
            percent = round(found.memory_used / found.memory_total * 100, 1)
            yield MEMORY_LOW.found({"where": _where(found), "percent": percent, "free_mb": free})
        killed = repository.killed_for_memory(proc, cgroups, pid)
        if killed:
            yield KILLED.found({"count": killed})

    return [
        Check("machine", "memory limits", lambda: list(limits()), quick=True),
        Check("machine", "memory", lambda: list(use()), quick=True),
    ]


def _where(machine: Machine) -> str:
    return "container" if machine.limited else "machine"


def process_checks(limit: Callable[[], int] = lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[0]) -> list[Check]:
    def look() -> Iterable[Finding]:
        allowed = limit()
        is_few = allowed != resource.RLIM_INFINITY and allowed < _FEWEST_FILES
        return [FEW_FILES.found({"limit": allowed})] if is_few else []

    return [Check("machine", "open files", look, quick=True)]


def clock_checks(newest: Callable[[], datetime | None], clock: Clock) -> list[Check]:
    """newest: the latest time that was recorded in this installation."""

    def look() -> Iterable[Finding]:
        recorded = newest()
        if recorded is None or recorded - clock() <= _CLOCK_SLACK:
            return []
        minutes = int((recorded - clock()).total_seconds() // 60)
        return [CLOCK_BEHIND.found({"minutes": minutes, "newest": recorded.isoformat(timespec="seconds")})]

    return [Check("machine", "clock", look, quick=True)]


PART_UNWELL = Kind(
    "part_unwell",
    Severity.WARNING,
    "The part {part} of the running server is {state}: {reason}",
    "{effect}",
    "ragkeeper health",
)
CAPABILITY_DOWN = Kind(
    "capability_down",
    Severity.FAILURE,
    "The running server cannot {capability}: {reason}",
    "Requests for it fail until that is mended.",
    "ragkeeper health",
)
ERRORS_LOGGED = Kind(
    "errors_logged",
    Severity.NOTE,
    "{total} errors were logged in the last 24 hours, most of them {most}",
    "Something failed lately; whether it still does, the other checks say.",
    "ragkeeper status",
)
DEGRADED = Kind(
    "degraded",
    Severity.WARNING,
    "The server works at the step {step}: {because}",
    "Answers are not the best that they could be.",
    "ragkeeper degrade status",
)
Ask = Callable[[str], Any]
"""Gets a path from the running server as JSON. Raises NotLooked where none answers."""


def server_checks(ask: Ask) -> list[Check]:
    def parts() -> Iterator[Finding]:
        able = ask("/health/ready")["capabilities"]
        for name, one in ask("/health/detailed")["components"].items():
            if one["state"] in {"healthy", "not_configured"}:
                continue
            hit = ", ".join(what for what, state in able.items() if name in state["reason"]) or "nothing yet"
            evidence = {"part": name, "state": one["state"], "code": one["code"], "since": one["since"]}
            yield PART_UNWELL.found({**evidence, "reason": one["reason"]}, effect=f"It is missed by: {hit}.")
        for name, one in able.items():
            # A server that was made to store nothing, and is well: who did it says another check.
            if one["state"] == "down" and one["reason"] != READ_ONLY:
                evidence = {
                    "capability": name,
                    "reason": one["reason"] or "no part was looked at",
                    "since": one["since"],
                }
                yield CAPABILITY_DOWN.found(evidence)

    def degradation() -> Iterator[Finding]:
        now = ask("/status")["degradation"]
        if now["causes"]:
            because = "; ".join(f"{one['name']} ({one['code']})" for one in now["causes"])
            yield DEGRADED.found({"step": now["step"], "because": because})

    def errors() -> Iterator[Finding]:
        found = ask("/status")["errors"]
        if found and found["total"]:
            most = list(found["by_code"])[:3]
            yield ERRORS_LOGGED.found({"total": found["total"], "most": ", ".join(most)})

    return [
        Check("server", "parts", lambda: list(parts())),
        Check("server", "degradation", lambda: list(degradation())),
        Check("server", "errors", lambda: list(errors())),
    ]
