"""Optimize a shard in a process of its own: `python -m ragkeeper.storage.vectors.optimizer FOLDER PARENT`.

The engine keeps the interpreter's lock while it optimizes, which would stop a server for a minute and more.
"""

import asyncio
import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Final

from qdrant_edge import EdgeShard

from ragkeeper.storage.vectors.errors import OptimizeFailed
from ragkeeper.storage.vectors.layout import sync_tree

_NICENESS: Final = 10
_PR_SET_PDEATHSIG: Final = 1


async def optimize_in_child(path: Path) -> None:
    """Optimize the shard in `path`, which nobody has open. OptimizeFailed; cancelling leaves no process behind."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, str(path), str(os.getpid())),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # a terminal's interrupt is for the server, which ends its children itself
    )
    try:
        _, errors = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        last_line = errors.decode(errors="replace").strip().rpartition("\n")[2]
        raise OptimizeFailed(reason=last_line or f"its process ended with {child.returncode}")


def main(path: Path, parent: int) -> None:
    """`parent`: the process that builds the index, without which nobody wants the result."""
    end_with_parent(parent)
    os.nice(_NICENESS)
    shard = EdgeShard.load(str(path))
    shard.optimize()
    shard.flush()
    shard.close()
    sync_tree(path)


def end_with_parent(parent: int) -> None:
    """End this process when the server that started it is gone: now, or (where the system can tell) as soon as it goes.

    Otherwise it would go on writing into a folder that the next server takes for a leftover. Who asks it to end means
    the server (service managers ask all of a group), which kills it when it stops; ending first looks like failing.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit("the server that wanted this is gone")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
