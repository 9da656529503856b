"""The log's file: written by a thread, so that no request waits for the disk, and bounded in every direction.

A new one is begun each day (UTC) and whenever it is full; old ones are compressed, and go after some days or when they
are too large together. A disk that takes nothing costs records, which are counted, and nothing else.
"""

import errno
import gzip
import os
import queue
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

NAME = "ragkeeper.log"
_OLD = "ragkeeper-*.log*"
_MOST_WAITING = 10_000
_AT_ONCE = 1000
# Seconds: until a folder that is not there yet, or a disk that takes nothing, is tried again; the longest farewell.
_PAUSE = 0.5
_LAST = 2.0
# Seconds between two writes: the first record after a silence is written at once, those of a busy server together. To
# wake the thread for each cost about as much as all the rest of logging. A kill loses them here, not on standard error.
_GATHER = 0.2
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class LogLimits:
    """file_bytes: of one; days, total_bytes: how long old ones are kept, and how much of them."""

    file_bytes: int
    days: int
    total_bytes: int


class LogFile:
    """`write` from any thread, it never blocks and never raises. lost: told how many records were not kept."""

    def __init__(
        self,
        folder: Path,
        limits: LogLimits,
        lost: Callable[[int], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._limits = limits
        self._lost = lost
        self._now = now
        self._waiting: queue.Queue[str | None] = queue.Queue(_MOST_WAITING)
        self._file: BinaryIO | None = None
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._ending = threading.Event()

    def start(self) -> None:
        self._thread.start()

    def write(self, line: str) -> None:
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._lost(1)

    def close(self) -> None:
        """What was written before is in the file on return, unless the disk takes nothing."""
        self._ending.set()
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
        if self._thread.is_alive():
            self._thread.join(_LAST)

    def _run(self) -> None:
        while not self._folder.is_dir() and not self._ending.wait(_PAUSE):
            pass  # the first records come before the data folder is there, and this makes none
        while True:
            self._keep(self._next())
            if self._waiting.empty():
                self._ending.wait(_GATHER)
            if self._ending.is_set() and self._waiting.empty():
                self._close_file()
                return

    def _next(self) -> list[str]:
        lines = [self._waiting.get()]
        while len(lines) < _AT_ONCE and not self._waiting.empty():
            lines.append(self._waiting.get_nowait())
        return [line for line in lines if line is not None]

    def _keep(self, lines: list[str]) -> None:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._rotate_if_due()
            self._append(lines)
        except OSError:
            self._lost(len(lines))
            self._close_file()
            self._ending.wait(_PAUSE)

    def _append(self, lines: list[str]) -> None:
        if self._file is None:
            handle = os.open(self._folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._file = os.fdopen(handle, "wb", buffering=0)
        size = os.fstat(self._file.fileno()).st_size
        content = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
        if (written := self._file.write(content)) != len(content):
            os.ftruncate(self._file.fileno(), size)  # half a record would spoil the next one too
            raise OSError(errno.ENOSPC, f"{written} of {len(content)} bytes fitted")

    def _rotate_if_due(self) -> None:
        try:
            found = (self._folder / NAME).stat()
        except FileNotFoundError:
            self._close_file()  # somebody took it away: a new one is begun
            return
        is_of_today = int(found.st_mtime) // _DAY == int(self._now()) // _DAY
        if found.st_size and (found.st_size >= self._limits.file_bytes or not is_of_today):
            self._rotate()

    def _rotate(self) -> None:
        self._close_file()
        stamp = datetime.fromtimestamp(self._now(), UTC).strftime("%Y%m%dT%H%M%S%f")
        old = self._folder / f"ragkeeper-{stamp}.log"
        (self._folder / NAME).rename(old)
        self._prune()
        for one in self._folder.glob("ragkeeper-*.log"):
            _compress(one)

    def _prune(self) -> None:
        """Newest first, until there are too many bytes of them; first of all, so that a full disk has room again."""
        found = sorted(((one.stat(), one) for one in self._folder.glob(_OLD)), key=lambda pair: -pair[0].st_mtime)
        total = 0
        for stat, one in found:
            total += stat.st_size
            if total > self._limits.total_bytes or self._now() - stat.st_mtime > self._limits.days * _DAY:
                one.unlink(missing_ok=True)

    def _close_file(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None


def _compress(file: Path) -> None:
    """Where that is not possible the file stays as it is, and is tried again with the next one."""
    target = file.with_suffix(".log.gz")
    part = target.with_suffix(".part")
    try:
        with file.open("rb") as source, gzip.open(part, "wb", compresslevel=6) as sink:
            shutil.copyfileobj(source, sink)
        times = file.stat()
        os.utime(part, (times.st_atime, times.st_mtime))
        part.chmod(0o600)
        part.rename(target)
        file.unlink()
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
