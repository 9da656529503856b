"""The child: confines itself, then reads one file after another that its parent hands it as open file descriptors.

Run as `python -m ragkeeper.ingestion.parsers.sandbox`, its end of a Unix socket pair as descriptor 0, its limits as one
JSON argument. It never sees a path, so Landlock can take all files but the interpreter's own away from it.
"""

import json
import os
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ragkeeper.ingestion.errors import IngestionError
from ragkeeper.ingestion.parsers import confinement, frames, reader
from ragkeeper.ingestion.parsers.port import ParsedDocument, ParseOptions

Read = Callable[[bytes, str, ParseOptions], ParsedDocument]

_REQUEST_BYTES = 65_536
_FIELD_LENGTH = 500
_SYSTEM_FOLDERS = (
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/proc/self",
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu",
)
OUT_OF_MEMORY = 77
"""exit status when Python itself ran out of memory"""


def serve(read: Read) -> None:
    """Confine this process, say what is in force, then answer requests until the parent hangs up."""
    limits = json.loads(sys.argv[1])
    channel = socket.socket(fileno=0)
    missing = _confine(limits)
    channel.sendall(frames.pack({"ready": True, "missing": missing}))
    options = ParseOptions(**limits["options"])
    while True:
        message, handles, *_ = socket.recv_fds(channel, _REQUEST_BYTES, 1)
        if not message:
            return
        _answer(channel, read, handles[0], json.loads(message)["filename"], options)


def _confine(limits: dict[str, Any]) -> list[str]:
    """Return what could not be installed; the parent decides whether to go on without it."""
    confinement.die_with_parent(limits["parent"])
    confinement.drop_resources(limits["memory_bytes"], limits["cpu_seconds"])
    missing = []
    own = [Path(folder) for folder in (*_SYSTEM_FOLDERS, sys.prefix, sys.base_prefix, limits["tessdata"]) if folder]
    source = Path(__file__).resolve().parents[3]
    try:
        confinement.drop_files([*own, source], Path())
    except confinement.ConfinementError as error:
        missing.append(f"files: {error}")
    try:
        confinement.drop_network_and_programs()
    except confinement.ConfinementError as error:
        missing.append(f"network: {error}")
    return missing


def _answer(channel: socket.socket, read: Read, handle: int, filename: str, options: ParseOptions) -> None:
    _forget_peak()
    try:
        with os.fdopen(handle, "rb") as file:
            data = file.read()
        document = read(data, filename, options)
        del data
        reply = frames.pack({"document": frames.describe(document), "peak": _peak_bytes()}, document.text)
    except IngestionError as error:
        fields = {name: str(value)[:_FIELD_LENGTH] for name, value in error.fields.items()}
        reply = frames.pack({"error": error.code, "fields": fields, "peak": _peak_bytes()})
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except RecursionError:
        fields = {"kind": "file", "limit": str(sys.getrecursionlimit())}
        reply = frames.pack({"error": "nested_too_deeply", "fields": fields, "peak": _peak_bytes()})
    channel.sendall(reply)


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark, so that each file has its own
    except OSError:
        return  # the mark then covers this process's whole life, which only overstates it


def _peak_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    serve(reader.read)
