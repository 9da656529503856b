"""The library between a server and its disk: compiling it, setting it, and reading what it counted.

`interpose.c` says what it does. The two sides share a file, so its layout stands here and there.
"""

import ctypes
import mmap
import os
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

SOURCE = Path(__file__).with_name("interpose.c")
_TRACE = 1 << 17


class Call(IntEnum):
    WRITE = 0
    PWRITE = 1
    WRITEV = 2
    COPY = 3
    FSYNC = 4
    FDATASYNC = 5
    MSYNC = 6
    RENAME = 7
    LINK = 8
    UNLINK = 9
    TRUNCATE = 10
    ALLOCATE = 11
    CREATE = 12
    MKDIR = 13
    RMDIR = 14


class Part(IntEnum):
    DATABASE = 0
    WAL = 1
    SHM = 2
    JOBS = 3
    INCOMING = 4
    ORIGINALS = 5
    INDEX = 6
    WORK = 7
    OTHER = 8


class Action(IntEnum):
    NONE = 0
    KILL = 1  # before the call
    TORN = 2  # half of what it writes, then kill
    FULL = 3  # from then on the disk is full, until `heal`
    BROKEN = 4  # from then on every change fails with EIO, until `heal`
    CUT = 5  # power loss: what no fsync covered is undone
    READ_ONLY = 6  # from then on every change fails with EROFS, until `heal`


class _Block(ctypes.Structure):
    _fields_ = (
        ("calls", ctypes.c_uint64),
        ("at", ctypes.c_uint64),
        ("fired", ctypes.c_uint64),
        ("action", ctypes.c_uint32),
        ("failing", ctypes.c_uint32),
        ("clock_offset", ctypes.c_int64),
        ("undone", ctypes.c_uint64),
        ("counts", ctypes.c_uint64 * len(Part) * len(Call)),
        ("trace_call", ctypes.c_uint8 * _TRACE),
        ("trace_part", ctypes.c_uint8 * _TRACE),
    )


@dataclass(frozen=True, slots=True)
class Point:
    """A call as it was counted; number: from 1."""

    number: int
    call: Call
    part: Part

    def __str__(self) -> str:
        return f"call {self.number}, {self.call.name.lower()} of {self.part.name.lower()}"


class CompilerMissing(Exception):
    """There is no C compiler (Debian: apt-get install gcc libc6-dev)."""


def compile_library(folder: Path) -> Path:
    """Build the library in `folder`. Raises CompilerMissing."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise CompilerMissing
    target = folder / "interpose.so"
    subprocess.run([compiler, "-O2", "-Wall", "-shared", "-fPIC", "-o", target, SOURCE], check=True)
    return target


class Interposer:
    """The library as one server after another has it: `environment` goes to the server, the rest is the harness's."""

    def __init__(self, library: Path, folder: Path, data: Path) -> None:
        self._library = library
        self._data = data.resolve()
        self._path = folder / "control"
        self._path.write_bytes(bytes(ctypes.sizeof(_Block)))
        with self._path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._block = _Block.from_buffer(self._map)
        self._stash = self._data.with_name(f"{self._data.name}.stash")

    def environment(self, *, journal: bool) -> dict[str, str]:
        """journal: keep what a power cut would undo; without it `Action.CUT` is a kill."""
        found = {
            "LD_PRELOAD": str(self._library),
            "FAULT_ROOT": str(self._data),
            "FAULT_CONTROL": str(self._path),
        }
        return found | ({"FAULT_JOURNAL": "1"} if journal else {})

    def reset(self) -> None:
        """Forget what was counted and armed, before a server starts."""
        ctypes.memset(ctypes.byref(self._block), 0, ctypes.sizeof(_Block))
        shutil.rmtree(self._stash, ignore_errors=True)
        self._stash.mkdir()

    def arm(self, action: Action, after: int) -> None:
        """Let it happen at the call that is `after` calls from now, 1 being the next."""
        self._block.action = action
        self._block.at = self._block.calls + after

    def disarm(self) -> None:
        self._block.at = 0

    def heal(self) -> None:
        """The disk works again."""
        self._block.failing = 0

    def shift_clock(self, seconds: int) -> None:
        """What the server takes for the time of day is so far from what it is."""
        self._block.clock_offset = seconds

    @property
    def calls(self) -> int:
        return int(self._block.calls)

    @property
    def failing(self) -> bool:
        return bool(self._block.failing)

    @property
    def undone(self) -> int:
        """Changes that the power cut took back."""
        return int(self._block.undone)

    @property
    def fired(self) -> Point | None:
        """Where it happened, if it has."""
        return self._point(int(self._block.fired)) if self._block.fired else None

    def trace(self) -> list[Point]:
        """Every call counted since the reset, oldest first (the first 131,072 of them)."""
        return [self._point(number) for number in range(1, min(self.calls, _TRACE) + 1)]

    def histogram(self) -> Counter[tuple[Call, Part]]:
        counts = self._block.counts
        return Counter({(call, part): counts[call][part] for call in Call for part in Part if counts[call][part]})

    def _point(self, number: int) -> Point:
        known = min(number, _TRACE) - 1
        return Point(number, Call(self._block.trace_call[known]), Part(self._block.trace_part[known]))


def table(histogram: Counter[tuple[Call, Part]]) -> str:
    """The histogram as text: a line per call, a column per part."""
    parts = [part for part in Part if any(key[1] is part for key in histogram)]
    lines = ["".join(["call".ljust(10), *(part.name.lower().rjust(10) for part in parts)])]
    for call in sorted({key[0] for key in histogram}):
        counts = (str(histogram[call, part] or "·").rjust(10) for part in parts)
        lines.append(call.name.lower().ljust(10) + "".join(counts))
    return os.linesep.join(lines)
