"""The server's processes from outside: the memory that only they have, and what they have open."""

import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from ragkeeper.operations.diagnose.models import Sample
from ragkeeper.operations.metrics import proc

_GONE = (OSError, ValueError, IndexError)


def sample(pid: int, total: int, at: datetime, root: Path = proc.PROC) -> Sample:
    """total: memory of the machine or container. Raises OSError when the process itself has ended."""
    used = proc.unique_memory(pid, root)
    count = 1
    for child in proc.descendants(pid, root):
        try:
            used += proc.unique_memory(child, root)
        except _GONE:
            continue
        count += 1
    return Sample(at, used, 100 * used / total if total else 0.0, count)


def open_files(pid: int, root: Path = proc.PROC) -> dict[str, int]:
    """How many of each: files by their path, connections by whom they lead to."""
    peers = _peers(pid, root)
    found: Counter[str] = Counter()
    for one in (pid, *proc.descendants(pid, root)):
        found.update(_names(root / str(one) / "fd", peers))
    return dict(found)


def _names(folder: Path, peers: Mapping[str, str]) -> Iterator[str]:
    try:
        handles = list(folder.iterdir())
    except OSError:
        return
    for handle in handles:
        try:
            target = str(handle.readlink())
        except OSError:
            continue  # closed a moment ago
        kind, _, rest = target.partition(":")
        if kind == "socket":
            yield peers.get(rest.strip("[]"), "local socket")
        elif kind not in {"anon_inode", "pipe"}:
            yield target.removesuffix(" (deleted)")


def _peers(pid: int, root: Path) -> dict[str, str]:
    """The other end of each connection, by the number of its socket; see proc(5), net/tcp."""
    found = {}
    for name in ("tcp", "tcp6"):
        try:
            lines = (root / str(pid) / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            address, port = words[2].split(":")
            listens = int(port, 16) == 0
            found[words[9]] = "listening socket" if listens else f"connection with {_address(address)}"
    return found


def _address(text: str) -> str:
    """From the kernel's words of 32 bits, each in the machine's own order."""
    packed = b"".join(int(text[place : place + 8], 16).to_bytes(4, "little") for place in range(0, len(text), 8))
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)  # noqa: PLR2004 - bytes
