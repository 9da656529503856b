"""A child of the parser pool that misbehaves on request: the file's content says how. Confined like the real one."""

import ctypes
import itertools
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ragkeeper.ingestion.parsers import sandbox
from ragkeeper.ingestion.parsers.formats import markup
from ragkeeper.ingestion.parsers.port import PageSpan, ParsedDocument, ParseOptions

FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6, "unix": socket.AF_UNIX}


def loop() -> str:
    while True:
        pass


def churn() -> str:
    """Work inside one call of C code, which no Python signal handler can interrupt."""
    Path("busy").touch()
    return str(sum(itertools.repeat(1)))


def sleep() -> str:
    time.sleep(600)
    return "awake"


def hog() -> str:
    held = []
    while True:
        held.append(b"x" * (64 << 20))  # zeros would not be given memory until somebody writes
        time.sleep(0.01)


def gulp() -> str:
    return str(len(bytearray(1 << 40)))


def crash() -> str:
    return str(ctypes.string_at(0))


def sockets() -> str:
    return " ".join(f"{name}:{_outcome(partial(socket.socket, family))}" for name, family in FAMILIES.items())


def programs() -> str:
    acts = {"fork": os.fork, "exec": _execute, "kill": _kill}
    return " ".join(f"{name}:{_outcome(act)}" for name, act in acts.items())


def files() -> str:
    outside = Path(sys.argv[0]).parent.parent.parent / "pyproject.toml"
    acts = {"read": outside.read_bytes, "write": outside.with_name("escaped").touch}
    acts |= {"neighbours": lambda: list(Path("..").iterdir()), "own": Path("own").touch}
    return " ".join(f"{name}:{_outcome(act)}" for name, act in acts.items())


def threads() -> str:
    seen: list[str] = []
    thread = threading.Thread(target=lambda: seen.append(_outcome(lambda: socket.socket(socket.AF_INET))))
    thread.start()
    thread.join()
    return f"thread:{seen[0]}"


def environment() -> str:
    return " ".join(sorted(os.environ))


def garbage() -> str:
    os.write(0, b"\xff" * 64)
    return "unheard"


def flood() -> str:
    return "word " * 1_000_000


def _execute() -> None:
    os.execv("/bin/true", ["true"])  # noqa: S606  this is the call that must fail


def _kill() -> None:
    os.kill(os.getppid(), 0)


def _outcome(act: Callable[[], object]) -> str:
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "allowed"


ACTS = {
    act.__name__: act
    for act in (loop, churn, sleep, hog, gulp, crash, sockets, programs, files, threads, environment, garbage, flood)
}


def read(data: bytes, filename: str, options: ParseOptions) -> ParsedDocument:
    wish = data.decode()
    if wish == "lie":
        return ParsedDocument("short", "text/plain", None, (PageSpan(1, 0, 500),), (), (), {}, ())
    return markup.read(ACTS[wish]() if wish in ACTS else wish, "text/plain")


if __name__ == "__main__":
    sandbox.serve(read)
