"""Servers whose data, or index, lies on a small disk of its own, which can be filled and made read-only under them."""

import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.server import Server, serving

_OWN = ["unshare", "-rm", "sh", "-c"]


@contextmanager
def on_own_disk(
    folder: Path, below: str, options: str = "size=60m", settings: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """below: the part of the data folder that is a disk of its own, empty for all of it."""
    disk = folder / "data" / below
    disk.mkdir(parents=True)
    mount = f"mount -t tmpfs -o {options} tmpfs {disk}"
    if subprocess.run([*_OWN, mount], capture_output=True, check=False).returncode:
        # No package brings this: a kernel that forbids it is no fault of the set-up, in CI neither.
        pytest.skip("this machine gives its users no file systems of their own")
    given = {"RAG_MIN_FREE_MB": "0", "API_KEY": secrets.token_hex(32), **(settings or {})}
    with serving(folder, given, [*_OWN, f'{mount} && exec "$@"', "sh"]) as server:
        yield server


def inside(server: Server, *command: str | Path, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    """Run a command that sees the server's disks."""
    entered = ["nsenter", "-t", str(server.process.pid), "-U", "-m", "--preserve-credentials", *command]
    return subprocess.run(entered, check=check, capture_output=True)


def remount(server: Server, below: str, how: str) -> None:
    inside(server, "mount", "-o", f"remount,{how}", "tmpfs", str(server.folder / "data" / below))
