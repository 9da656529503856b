"""Faults of disks and memory that tests.faults.alerts lacks, made in the same way."""

import tempfile
from pathlib import Path

from tests.acceptance.mounts import inside
from tests.faults.alerts.fault import Fault
from tests.faults.alerts.machine import empty_disk, fill_disk
from tests.faults.alerts.scene import Needs, Scene

_MEMINFO = Path("/proc/meminfo")


def _little_memory(made: Scene) -> None:
    """The kernel's figures are replaced for the server alone: to take so much would end everything else here."""
    lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    total = next(int(line.split()[1]) for line in lines if line.startswith("MemTotal"))
    changed = {"MemFree": total // 100, "MemAvailable": total * 3 // 100}
    told = [f"{name}: {changed[name]} kB" if (name := line.partition(":")[0]) in changed else line for line in lines]
    with tempfile.NamedTemporaryFile("w", prefix="meminfo-", dir=made.stack.folder, delete=False) as file:
        file.write("\n".join(told) + "\n")
    Path(file.name).chmod(0o644)
    inside(made.server, "mount", "--bind", file.name, _MEMINFO)


def _own_memory(made: Scene) -> None:
    inside(made.server, "umount", _MEMINFO)


_OWN_DISK = Needs(disk="size=100m", documents=2)
OF_MACHINE = (
    Fault("the disk is 97 % full", (), fill_disk(0.97), empty_disk, _OWN_DISK),
    Fault("97 % of the memory is in use", (), _little_memory, _own_memory, _OWN_DISK),
)
