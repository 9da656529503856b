"""The courses of events of the machine itself."""

from tests.integration.monitoring.cases import (
    BOTH,
    HOUR,
    INSTANCE,
    MINUTE,
    WARNING,
    Case,
    Slope,
    Stage,
    course,
    s,
    silent,
)

GIB = float(1 << 30)
HERE = {"instance": INSTANCE}
_DISK = {"device": "/dev/vda1", "fstype": "ext4", "mountpoint": "/srv"}
_CPUS = [s("node_cpu_seconds_total", cpu=cpu, mode=mode) for cpu in ("0", "1") for mode in ("idle", "user")]
_OWN = [*(s("rag_process_cpu_seconds_total", role=role) for role in ("api", "worker")), s("rag_usable_processors")]
_MEMORY = [s("node_memory_MemAvailable_bytes"), s("node_memory_MemTotal_bytes")]
_SPACE = [
    s("node_filesystem_avail_bytes", **_DISK),
    s("node_filesystem_size_bytes", **_DISK),
    s("node_filesystem_readonly", **_DISK),
]
_FILES = [
    s("node_filesystem_files_free", **_DISK),
    s("node_filesystem_files", **_DISK),
    s("node_filesystem_readonly", **_DISK),
]
_THERE = {**HERE, "mountpoint": "/srv"}


def _busy(one: float, other: float) -> tuple[float, ...]:
    return (1 - one, one, 1 - other, other)


def _filling() -> Case:
    """By 2 GiB an hour: from 40 GiB on, a matter of hours; long before a fifth of it is left."""
    stages = [
        Stage(7 * HOUR, (60 * GIB, 100 * GIB, 0)),
        Stage(10 * HOUR, (Slope(-2 * GIB / HOUR), 100 * GIB, 0)),
        Stage(2 * HOUR, (Slope(-2 * GIB / HOUR), 100 * GIB, 0), WARNING),
        Stage(7 * HOUR, (60 * GIB, 100 * GIB, 0)),
    ]
    return Case("DiskFullSoon", _SPACE, stages, _THERE, 60)


MACHINE = (
    course(
        "HighCPUUsage",
        _CPUS,
        _busy(0.1, 0.2),
        _busy(0.95, 0.5),
        (_busy(0.8, 0.84), WARNING),
        (_busy(0.9, 0.9), BOTH),
        hold=5 * MINUTE,
        window=5 * MINUTE,
        labels=HERE,
    ),
    # A container that may use one of two processors: the machine is half idle, and the server has no more to use.
    course(
        "HighCPUUsage",
        [*_CPUS, *_OWN],
        (*_busy(0.1, 0.1), 0.1, 0.1, 1),
        (*_busy(0.4, 0.4), 0.5, 0.25, 1),
        ((*_busy(0.45, 0.4), 0.5, 0.32, 1), WARNING),
        ((*_busy(0.5, 0.5), 0.6, 0.4, 1), BOTH),
        hold=5 * MINUTE,
        window=5 * MINUTE,
        labels=HERE,
    ),
    # Without a limit the same use leaves half of the machine.
    silent("HighCPUUsage", [*_CPUS, *_OWN], (*_busy(0.1, 0.1), 0.1, 0.1, 2), (*_busy(0.5, 0.5), 0.6, 0.4, 2), HOUR),
    # A burst of half a minute.
    silent("HighCPUUsage", _CPUS, _busy(0.1, 0.1), _busy(1, 1), 30),
    course(
        "HighMemoryUsage",
        _MEMORY,
        (60, 100),
        (21, 100),
        ((18, 100), WARNING),
        ((8, 100), BOTH),
        hold=5 * MINUTE,
        labels=HERE,
    ),
    course(
        "DiskSpaceLow",
        _SPACE,
        (60, 100, 0),
        (21, 100, 0),
        ((15, 100, 0), WARNING),
        ((8, 100, 0), BOTH),
        hold=5 * MINUTE,
        early=30,
        labels=_THERE,
    ),
    # A read-only image is always full.
    silent("DiskSpaceLow", _SPACE, (0, 100, 1), (0, 100, 1), HOUR),
    _filling(),
    # Plenty is left: fast growth for some hours is no reason to wake anybody.
    Case(
        "DiskFullSoon",
        _SPACE,
        [Stage(7 * HOUR, (90 * GIB, 100 * GIB, 0)), Stage(3 * HOUR, (70 * GIB, 100 * GIB, 0))],
        step=60,
    ),
    course(
        "InodesLow",
        _FILES,
        (50, 100, 0),
        (11, 100, 0),
        ((5, 100, 0), WARNING),
        hold=5 * MINUTE,
        labels=_THERE,
    ),
    *(
        Case(
            name,
            [s(figure, device="eth0"), s(figure, device="lo")],
            [
                Stage(2 * HOUR, (50_000, 50_000)),
                Stage(10 * MINUTE, (100_000, 5_000_000)),
                Stage(5 * MINUTE, (3_000_000, 50_000), WARNING),
                Stage(10 * MINUTE, (50_000, 50_000)),
            ],
            HERE,
        )
        for name, figure in (
            ("NetworkInSpike", "node_network_receive_bytes_total"),
            ("NetworkOutSpike", "node_network_transmit_bytes_total"),
        )
    ),
    # A thousand times next to nothing is an upload.
    silent("NetworkInSpike", [s("node_network_receive_bytes_total", device="eth0")], (500,), (500_000,), 10 * MINUTE),
)
