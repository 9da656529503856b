"""What the states of the parts mean for the whole. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ragkeeper.operations.health.models import (
    Capability,
    CapabilityState,
    ComponentState,
    Disk,
    DiskVerdict,
    Limits,
    Machine,
    ProbeResult,
    Target,
    Traffic,
)

Parts = frozenset[str]

# Without its truth the server can confirm no hit, and so serve nothing.
_INDISPENSABLE = frozenset({"database"})
NO_ANSWER = "no_answer"
"""The code of a part that hangs."""
UPLOADS_REFUSED = "disk_space_low"
"""The code of the disk where less than the reserve is free; an upload is answered with the same."""
READ_ONLY = "degradation: read_only"
"""Why a capability is held back while nothing is stored, whoever brought that about."""
_ORIGINALS = "files"
DISK_TARGET = 0.9
DISK_FULL = 0.95
_NO_LIMITS = Limits()
_FINE = frozenset({ComponentState.HEALTHY, ComponentState.NOT_CONFIGURED})

# What the server can do: the parts it cannot do it without, and those that make it better.
_CAPABILITIES = {
    # Without the index, words are looked for in the database.
    "retrieve": (frozenset({"database"}), frozenset({"vector_db", "embedder"})),
    "generate": (frozenset({"database"}), frozenset({"vector_db", "embedder", "llm_service"})),
    "ingest": (frozenset({"database"}), frozenset({"vector_db", "embedder", "worker", "disk"})),
    "admin": (frozenset({"database"}), Parts()),
}
# What stores something. An administrator can look at everything in a server that stores nothing, and run it.
_CHANGE = frozenset({"ingest", "admin"})


def capabilities(components: Mapping[str, ProbeResult], limits: Limits = _NO_LIMITS) -> dict[str, Capability]:
    """What can be done with the parts as they are; nothing while none was looked at."""
    return {name: _capability(name, components, limits) for name in _CAPABILITIES}


def overall(components: Mapping[str, ProbeResult]) -> ComponentState:
    if any(components[name].state is ComponentState.UNHEALTHY for name in _INDISPENSABLE if name in components):
        return ComponentState.UNHEALTHY
    if all(_fine(result) for result in components.values()):
        return ComponentState.HEALTHY
    return ComponentState.DEGRADED


def quantile(buckets: Mapping[float, float], share: float) -> float | None:
    """The value below which that share lies; None of nothing. buckets: cumulative counts by upper bound, rising.

    Inside a bucket values count as evenly spread, as Prometheus' `histogram_quantile` has it; above the last finite
    bound nothing is known, so that bound is told.
    """
    total = max(buckets.values(), default=0.0)
    if not total:
        return None
    lower, below = 0.0, 0.0
    for bound, count in buckets.items():
        if count >= share * total:
            if bound == float("inf"):
                return lower
            return round(lower + (bound - lower) * (share * total - below) / max(count - below, 1e-9), 4)
        lower, below = bound, count
    return lower


def judged(disk: Disk, reserve: int) -> Disk:
    """reserve: bytes below which uploads are refused."""
    if disk.verdict is DiskVerdict.MISSING:
        return disk
    worst = max(disk.used_share, disk.inodes_share)
    if worst >= DISK_FULL or (disk.total and disk.free < reserve):
        return replace(disk, verdict=DiskVerdict.FULL)
    if worst >= DISK_TARGET:
        return replace(disk, verdict=DiskVerdict.LOW)
    return disk if disk.total else replace(disk, verdict=DiskVerdict.UNKNOWN)


def disk_state(disks: Sequence[Disk], reserve: int = 0) -> ProbeResult:
    """Degraded where a folder is gone or its file system as good as full: what is there can still be read.

    reserve: bytes below which uploads are refused.
    """
    unwell = [disk for disk in disks if disk.verdict in {DiskVerdict.FULL, DiskVerdict.MISSING}]
    if not unwell:
        return ProbeResult(ComponentState.HEALTHY)
    said = "; ".join(map(_said, unwell))
    return ProbeResult(ComponentState.DEGRADED, said, _disk_code(unwell, reserve))


def _disk_code(unwell: Sequence[Disk], reserve: int) -> str:
    if any(disk.what == _ORIGINALS and disk.total and disk.free < reserve for disk in unwell):
        return UPLOADS_REFUSED
    return "disk_full" if any(disk.verdict is DiskVerdict.FULL for disk in unwell) else "folder_missing"


def _said(disk: Disk) -> str:
    used = "" if disk.verdict is DiskVerdict.MISSING else f", {disk.used_share:.0%} used"
    return f"{disk.what} ({disk.path}): {disk.verdict.value}{used}"


def targets(traffic: Traffic, machine: Machine | None, disks: Sequence[Disk]) -> list[Target]:
    """The guides' key figures, each beside its target."""
    memory = machine.memory_used / machine.memory_total if machine and machine.memory_total else None
    fullest = max((disk.used_share for disk in disks if disk.total), default=None)
    return [
        Target("cpu", _percent(traffic.cpu_share), 80.0, "%"),
        Target("memory", _percent(memory), 85.0, "%"),
        Target("disk", _percent(fullest), DISK_TARGET * 100, "%"),
        Target("response_time_p95", traffic.p95, 2.0, "s"),
        Target("error_share", _percent(traffic.error_share), 1.0, "%"),
        Target("sql_statement_p95", traffic.sql_p95, 0.1, "s"),
    ]


def _percent(share: float | None) -> float | None:
    return None if share is None else round(share * 100, 2)


def settled(shown: ProbeResult | None, waiting: ProbeResult | None, seen: ProbeResult) -> bool:
    """Whether what was seen is what is told from now on: a change of state must be seen twice.

    waiting: what was seen before and not told. What hangs was waited for long enough to be told at once, and so is
    what was never looked at before.
    """
    if shown is None or shown.state is seen.state or seen.code == NO_ANSWER:
        return True
    return waiting is not None and waiting.state is seen.state


def _capability(name: str, components: Mapping[str, ProbeResult], limits: Limits) -> Capability:
    if not components:
        return Capability(CapabilityState.DOWN)
    needed, helpful = _CAPABILITIES[name]
    needed |= {"llm_service"} if limits.needs_model and name == "generate" else Parts()
    unwell = tuple(sorted(part for part in needed | helpful if part in components and not _fine(components[part])))
    held = READ_ONLY if limits.read_only and name in _CHANGE else ""
    if any(components[part].state is ComponentState.UNHEALTHY for part in needed & set(unwell)):
        return Capability(CapabilityState.DOWN, unwell, held)
    if name == "ingest" and (held or any(components[part].code == UPLOADS_REFUSED for part in unwell)):
        return Capability(CapabilityState.DOWN, unwell, held)
    return Capability(CapabilityState.DEGRADED if unwell or held else CapabilityState.OK, unwell, held)


def _fine(result: ProbeResult) -> bool:
    return result.state in _FINE
