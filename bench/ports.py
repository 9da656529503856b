"""A port for a server that is to be started: the benchmarks' and the tests'."""

import secrets
import socket
from pathlib import Path

_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
_SHARE = 12_000


def free_port() -> int:
    """One of 127.0.0.1 that nobody uses now, for a server that starts later, or again.

    Below those that the system gives to outgoing connections: one of theirs is soon somebody else's.
    """
    end = int(_OUTGOING.read_text(encoding="ascii").split()[0])
    while True:
        # Not `random`: property tests set its seed, and two of them would ask for the same ports.
        port = max(1024, end - _SHARE) + secrets.randbelow(_SHARE)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
