"""One child process as its parent sees it: started, asked, watched, ended."""

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from ragkeeper.ingestion import errors
from ragkeeper.ingestion.errors import (
    IngestionError,
    OutputTooLarge,
    ParserCrashed,
    ParserOutOfMemory,
    ParserTimedOut,
    ParserUnavailable,
)
from ragkeeper.ingestion.parsers import frames
from ragkeeper.ingestion.parsers.port import ParsedDocument, ParseOptions

PYTHON_CHILD = (sys.executable, "-I", "-m", "ragkeeper.ingestion.parsers.sandbox")
# Address space is counted before it is used: thread stacks, allocator arenas and the libraries themselves.
_ADDRESS_SPACE_EXTRA = 1 << 30
_START_SECONDS = 30.0
_WATCH_SECONDS = 0.1
_CPU_SHARE = 2
_STDERR_BYTES = 4000
_OUT_OF_MEMORY_STATUS = 77
_OUT_OF_MEMORY_WORDS = ("memory allocation of", "bad_alloc", "MemoryError", "Out of memory", "out of memory")
_TESSDATA = ("/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tesseract-ocr/4.00/tessdata", "/usr/share/tessdata")
# No memory, process, descriptor or disk space left (TimeoutError is an OSError); Python says "can't start new thread"
# as a RuntimeError.
_NO_RESOURCES = (OSError, MemoryError, RuntimeError)
_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")


def find_tessdata(languages: str, folder: Path | None) -> Path | None:
    """Return the folder that has the data of every language, or None."""
    places = [folder] if folder else [Path(place) for place in _TESSDATA]
    names = [f"{language}.traineddata" for language in languages.split("+") if language]
    return next((place for place in places if names and all((place / name).is_file() for name in names)), None)


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """`folder`: where the child gets a folder of its own; the rest as `SandboxedParser` says."""

    folder: Path
    memory_bytes: int
    seconds: float
    options: ParseOptions
    tessdata: Path | None
    allow_unconfined: bool
    command: tuple[str, ...]

    def argument(self) -> str:
        limits = {
            "memory_bytes": self.memory_bytes + _ADDRESS_SPACE_EXTRA,
            # Over the child's whole life; the wall clock of the parent is what bounds one file.
            "cpu_seconds": int(self.seconds * _CPU_SHARE * 1000),
            "options": asdict(self.options),
            "tessdata": str(self.tessdata or ""),
            "parent": os.getpid(),
        }
        return json.dumps(limits)

    def environment(self, folder: Path) -> dict[str, str]:
        """Nothing of the server's own: no keys, no addresses, no home."""
        found = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(folder), "TMPDIR": str(folder)}
        found |= {
            "MALLOC_ARENA_MAX": "2",
            "RAYON_NUM_THREADS": "1",
            "OMP_THREAD_LIMIT": "1",
            "TOKIO_WORKER_THREADS": "1",
            "ORT_DISABLE_TELEMETRY": "1",
        }
        return found | ({"TESSDATA_PREFIX": str(self.tessdata)} if self.tessdata else {})


class Child:
    """A running child; `files` counts what it has read, `peak_bytes` is the last file's memory."""

    def __init__(self, limits: ChildLimits, folder: Path) -> None:
        self._limits = limits
        self._folder = folder
        self.files = 0
        self.peak_bytes = 0
        self.resident_bytes = 0
        self.missing: tuple[str, ...] = ()
        self._process: asyncio.subprocess.Process
        self._requests: socket.socket
        self._replies: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._swollen = False

    @classmethod
    async def start(cls, limits: ChildLimits) -> Self:
        """Start a child and wait until it has confined itself; raises ParserUnavailable."""
        try:
            child = cls(limits, await asyncio.to_thread(_own_folder, limits.folder))
        except _NO_RESOURCES as error:
            raise ParserUnavailable(reason=str(error) or "out of memory") from error
        try:
            await child._spawn()
            await asyncio.wait_for(child._greet(), _START_SECONDS)
        except BaseException as error:
            words = child._last_words()  # stopping removes them with the folder
            await child.stop()
            if isinstance(error, (*_NO_RESOURCES, frames.MalformedFrameError, asyncio.IncompleteReadError)):
                raise ParserUnavailable(reason=words or str(error) or "it did not start in time") from error
            raise
        return child

    async def _spawn(self) -> None:
        stderr = (self._folder / "stderr").open("wb")
        with stderr, await self._connect() as theirs:
            self._process = await asyncio.create_subprocess_exec(
                *self._limits.command,
                self._limits.argument(),
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=stderr,
                cwd=self._folder,
                env=self._limits.environment(self._folder),
                start_new_session=True,  # a terminal's interrupt is for the server, which ends its children itself
            )

    async def _connect(self) -> socket.socket:
        """Return the child's end of a new channel."""
        ours, theirs = socket.socketpair()
        try:
            self._requests = ours.dup()
            self._replies, self._writer = await asyncio.open_unix_connection(sock=ours)
        except BaseException:
            ours.close()
            theirs.close()
            raise
        return theirs

    async def _greet(self) -> None:
        header, _ = await self._receive()
        self.missing = tuple(map(str, header.get("missing", ())))
        if any(name.startswith("network") for name in self.missing) and not self._limits.allow_unconfined:
            raise frames.MalformedFrameError(f"this machine offers no protection: {'; '.join(self.missing)}")

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        return self._process.pid

    async def read(self, handle: int, filename: str) -> ParsedDocument:
        """Have the child read an open file; raises subclasses of IngestionError. A broken limit ends the child."""
        self.files += 1
        self.peak_bytes = 0
        watch = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(self._limits.seconds):
                request = json.dumps({"filename": filename[-1000:]}).encode()
                socket.send_fds(self._requests, [request], [handle])
                header, text = await self._receive()
                return self._understand(header, text)
        except TimeoutError as error:
            await self._kill()
            raise ParserTimedOut(limit=f"{self._limits.seconds:g}") from error
        except (OSError, asyncio.IncompleteReadError) as error:
            await self._kill()
            raise self._cause_of_death() from error
        except frames.MalformedFrameError as error:
            await self._kill()
            raise ParserCrashed(reason=f"its answer made no sense ({error})") from error
        except asyncio.CancelledError:
            await self._kill()
            raise
        finally:
            watch.cancel()

    async def _receive(self) -> tuple[dict[str, Any], str]:
        prefix = await self._replies.readexactly(frames.PREFIX.size)
        header_length, text_length = frames.unpack(prefix, self._limits.options.output_characters * 4)
        header = json.loads(await self._replies.readexactly(header_length))
        body = await self._replies.readexactly(text_length)
        if not isinstance(header, dict):
            raise frames.MalformedFrameError("the header is not an object")
        return header, body.decode("utf-8", "replace")

    def _understand(self, header: Mapping[str, Any], text: str) -> ParsedDocument:
        self.peak_bytes = max(self.peak_bytes, int(header.get("peak", 0)))
        self.resident_bytes = _resident_bytes(self.pid)
        if "error" in header:
            raise _error_of(header)
        if len(text) > self._limits.options.output_characters:
            raise OutputTooLarge(limit=self._limits.options.output_characters)
        return frames.restore(dict(header["document"]), text)

    async def _watch(self) -> None:
        """Kill the child when it holds more memory than it may; the kernel's own limit counts addresses, not memory."""
        while self.alive:
            await asyncio.sleep(_WATCH_SECONDS)
            resident = _resident_bytes(self.pid)
            self.peak_bytes = max(self.peak_bytes, resident)
            if resident > self._limits.memory_bytes:
                self._swollen = True
                self._signal()
                return

    def _cause_of_death(self) -> IngestionError:
        words = self._last_words()
        if self._swollen or self._process.returncode == _OUT_OF_MEMORY_STATUS or _is_memory(words):
            return ParserOutOfMemory(limit=self._limits.memory_bytes >> 20)
        status = self._process.returncode or 0
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        return ParserCrashed(reason=f"{how}{': ' + words if words else ''}")

    def _last_words(self) -> str:
        try:
            with (self._folder / "stderr").open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _STDERR_BYTES))
                said = file.read().decode("utf-8", "replace").strip().splitlines()
        except OSError:
            return ""
        return said[-1][-200:] if said else ""

    def _signal(self) -> None:
        # Not through the process object: that would collect the exit status, and the event loop then reads 255.
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def _kill(self) -> None:
        self._signal()
        await self._process.wait()

    async def stop(self) -> None:
        """Kill the process, reap it and remove its folder; may be called twice."""
        if hasattr(self, "_process"):
            await asyncio.shield(self._kill())
        if hasattr(self, "_writer"):
            self._writer.close()
        if hasattr(self, "_requests"):
            self._requests.close()
        await asyncio.to_thread(_remove, self._folder)


def _own_folder(parent: Path) -> Path:
    """Make a folder only this user can enter; its path is absolute, since the child starts inside it."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="parser-", dir=parent.resolve()))


def _remove(folder: Path) -> None:
    with suppress(OSError):
        (folder / "stderr").unlink(missing_ok=True)
        folder.rmdir()  # goes even when no descriptor is left to look into it
        return
    shutil.rmtree(folder, ignore_errors=True)


def _is_memory(words: str) -> bool:
    return any(sign in words for sign in _OUT_OF_MEMORY_WORDS)


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_SIZE
    except (OSError, IndexError, ValueError):
        return 0


def _error_of(header: Mapping[str, Any]) -> IngestionError:
    known = errors.by_code().get(str(header["error"]))
    fields = header.get("fields")
    if known is None or not isinstance(fields, dict):
        raise frames.MalformedFrameError(f"unknown error {header['error']!r}")
    try:
        return known(**{str(name): str(value) for name, value in fields.items()})
    except (KeyError, IndexError) as error:
        raise frames.MalformedFrameError(f"error {header['error']!r} lacks {error}") from error
