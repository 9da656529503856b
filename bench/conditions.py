"""The conditions a figure was measured under, printed with it: a figure without them cannot be compared."""

import os
import platform
from importlib import metadata


def conditions(*packages: str) -> dict[str, str | int | float]:
    """Return cores, load, memory in MB, Python and the versions of the packages that matter to the figure."""
    found: dict[str, str | int | float] = {
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    return found | {name: metadata.version(name) for name in packages}


def print_conditions(*packages: str) -> None:
    print("conditions:", ", ".join(f"{name} {value}" for name, value in conditions(*packages).items()))
