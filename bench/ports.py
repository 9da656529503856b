"""A port for a server that is to be started: the benchmarks' and the tests'."""

import os
import secrets
import socket
import tempfile
import time
from pathlib import Path

_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
_SHARE = 12_000
# A port that was given to somebody is not given to another for so long, in seconds: nobody listens there yet.
_MARKED_SECONDS = 900.0
# Where all are marked, one that is free has to do.
_TRIES = 1000


def free_port() -> int:
    """One of 127.0.0.1 that nobody uses now, nor was given a short while ago, for a server that starts later, or again.

    Below those that the system gives to outgoing connections: one of theirs is soon somebody else's.
    """
    end = int(_OUTGOING.read_text(encoding="ascii").split()[0])
    tried = 0
    while True:
        # Not `random`: property tests set its seed, and two of them would ask for the same ports.
        port = max(1024, end - _SHARE) + secrets.randbelow(_SHARE)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        tried += 1
        if _marked(port) or tried > _TRIES:
            return port


def _marked(port: int) -> bool:
    """Mark it as the caller's; False where it is somebody else's. All programs share the marks."""
    folder = Path(tempfile.gettempdir()) / f"ragkeeper-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    mark = folder / str(port)
    try:
        if time.time() - mark.stat().st_mtime >= _MARKED_SECONDS:
            mark.unlink()
    except FileNotFoundError:
        pass
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
