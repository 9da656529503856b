"""What a disk still takes."""

import os
from pathlib import Path


def free_bytes(path: Path) -> int | None:
    """What this process's user can still write there; None where the file system does not say.

    Some of those that run in user space or lie over others answer 0 to everything: that is no full disk.
    Raises OSError.
    """
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize if found.f_blocks else None
