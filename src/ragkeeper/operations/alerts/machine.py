"""Alerts about the machine, or the container: processors, memory, disks, network."""

from dataclasses import dataclass
from typing import ClassVar

from ragkeeper.core.figures.machine import (
    CLOCK_STEP,
    CPU_SECONDS,
    DISK_AVAILABLE,
    DISK_READ_ONLY,
    DISK_SIZE,
    INODES,
    INODES_FREE,
    MEMORY_AVAILABLE,
    MEMORY_TOTAL,
    NETWORK_RECEIVED,
    NETWORK_SENT,
    PROCESS_CPU,
    PROCESSORS,
)
from ragkeeper.core.instruments import Counter
from ragkeeper.operations.alerts.answering import CRITICAL, DAY, HOUR, MINUTE, WARNING
from ragkeeper.operations.alerts.conditions import Above, BusyAbove, FreeBelow, RunsOut, Spike, UsedAbove
from ragkeeper.operations.alerts.expressions import (
    Aggregate,
    Arithmetic,
    Compare,
    Either,
    Expression,
    Match,
    Number,
    Rate,
    Select,
)
from ragkeeper.operations.alerts.models import Alert, Severity

IDLE = Select(CPU_SECONDS, (Match("mode", ("idle",)),))
FREE_MEMORY, MEMORY = Select(MEMORY_AVAILABLE), Select(MEMORY_TOTAL)
_FREE, _SIZE, _READ_ONLY = Select(DISK_AVAILABLE), Select(DISK_SIZE), Select(DISK_READ_ONLY)
_DISK = ("instance", "mountpoint")
# Not the machine's talk with itself.
DEVICES = (Match("device", ("lo",), negated=True),)
# A second. After a quiet hour anybody's upload is many times the usual: what counts is what a network feels.
_LEAST_BYTES = 1_000_000


def own_share(window: float) -> Expression:
    """Of the processors that the server may use, the part that it does."""
    used = Aggregate("sum", Rate(Select(PROCESS_CPU), window), ("instance",))
    return Arithmetic(used, "/", Aggregate("max", Select(PROCESSORS), ("instance",)))


@dataclass(frozen=True, slots=True)
class BusyOrUsedUp:
    """All processors busy, or all that the server may use used up by itself: a container's limit idles the machine."""

    limits: ClassVar = (0.0, 1.0)
    idle: Select
    window: float
    threshold: float

    @property
    def expression(self) -> Expression:
        machine = BusyAbove(self.idle, self.window, self.threshold)
        return Either(machine.expression, Compare(own_share(self.window), ">", Number(self.threshold)))


def table() -> tuple[Alert, ...]:
    return (*_processors(), *_memory(), *_disks(), *_network(), *_clock())


def _processors() -> tuple[Alert, ...]:
    return tuple(
        Alert(
            "HighCPUUsage",
            severity,
            f"The processors of {{instance}} are more than {threshold:.0%} busy".replace("%", " %"),
            "Mean over five minutes, for five minutes: of all processors, or of those that the server may use.",
            BusyOrUsedUp(IDLE, 5 * MINUTE, threshold),
            5 * MINUTE,
            "cpu",
            guides,
            group="rag-system",
        )
        for severity, threshold, guides in (
            (WARNING, 0.80, ("G0 target: below 80 % average", "G3 CPU usage above 80 %")),
            (CRITICAL, 0.85, ("G4 HighCPUUsage: above 85 for 5m",)),
        )
    )


def _memory() -> tuple[Alert, ...]:
    return tuple(
        Alert(
            "HighMemoryUsage",
            severity,
            f"More than {threshold:.0%} of the memory of {{instance}} is in use".replace("%", " %"),
            "Of the container, where that may use less than the machine has; pages that can be dropped do not count.",
            UsedAbove(FREE_MEMORY, MEMORY, threshold),
            5 * MINUTE,
            "memory",
            guides,
            group="rag-system",
        )
        for severity, threshold, guides in (
            (WARNING, 0.8, ("G3 memory usage above 80 %", "G0 target: below 85 %")),
            (CRITICAL, 0.9, ("G4 HighMemoryUsage: above 0.9 for 5m",)),
        )
    )


def _disks() -> tuple[Alert, ...]:
    return (
        _disk_low(WARNING, 0.2, 5 * MINUTE, ("G3 disk space below 20 %",)),
        _disk_low(CRITICAL, 0.1, MINUTE, ("G4 DiskSpaceLow: below 10 for 1m, critical", "G0 target: below 90 %")),
        Alert(
            "DiskFullSoon",
            WARNING,
            "{mountpoint} will be full within four days",
            "By a straight line through the last six hours.",
            RunsOut(_FREE, _SIZE, _READ_ONLY, 6 * HOUR, 4 * DAY, 0.4, _DISK),
            HOUR,
            "disk-full",
        ),
        Alert(
            "InodesLow",
            WARNING,
            "{mountpoint} can hold few more files",
            "Less than a tenth of its inodes is free; without one, no file can be made however much room there is.",
            FreeBelow(Select(INODES_FREE), Select(INODES), _READ_ONLY, 0.1, _DISK),
            5 * MINUTE,
            "disk-full",
        ),
    )


def _disk_low(severity: Severity, threshold: float, hold: float, guides: tuple[str, ...]) -> Alert:
    return Alert(
        "DiskSpaceLow",
        severity,
        f"Less than {threshold:.0%} of {{mountpoint}} is free".replace("%", " %"),
        "A file system that the server writes to; at RAG_MIN_FREE_MB it takes no more uploads.",
        FreeBelow(_FREE, _SIZE, _READ_ONLY, threshold, _DISK),
        hold,
        "disk-full",
        guides,
        group="rag-system",
    )


def _network() -> tuple[Alert, ...]:
    return (_spike("NetworkInSpike", "comes in", NETWORK_RECEIVED), _spike("NetworkOutSpike", "goes out", NETWORK_SENT))


def _spike(name: str, what: str, counter: Counter) -> Alert:
    return Alert(
        name,
        WARNING,
        f"Far more {what} over the network of {{instance}} than usual",
        "More than five times the last hour's rate.",
        Spike(Select(counter, DEVICES), 2 * MINUTE, HOUR, _LEAST_BYTES, 5),
        MINUTE,
        "network",
        ("G0 network I/O: monitor for unusual spikes",),
    )


def _clock() -> tuple[Alert, ...]:
    return (
        Alert(
            "ClockSet",
            WARNING,
            "The clock of {instance} was set by more than a minute",
            "Within the last hour, forward or back: times in records are wrong, and limits by time do not hold.",
            Above(Select(CLOCK_STEP), MINUTE, ("instance",)),
            MINUTE,
            "clock",
        ),
    )
