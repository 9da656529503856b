"""The parent: a few warm, confined children; one that crashes, hangs or swells costs its own file and nothing else."""

import asyncio
import errno
import os
from collections.abc import Coroutine, Sequence
from pathlib import Path

from ragkeeper.ingestion.errors import FileMissing, FileNotOpened, IngestionError, ParserUnavailable
from ragkeeper.ingestion.parsers.child import PYTHON_CHILD, Child, ChildLimits, find_tessdata
from ragkeeper.ingestion.parsers.port import ParsedDocument, ParseOptions

MEMORY_BYTES = 1 << 30
SECONDS = 300.0
OUTPUT_CHARACTERS = 50_000_000
RECYCLE_AFTER = 500
_OCR_SHARE = 0.7
# What is wrong with the path itself, and will be tomorrow; anything else is the state of the machine.
_LASTING = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.EISDIR}
)


class SandboxedParser:
    """Reads files in `workers` child processes.

    folder: where each child gets a folder of its own, which goes when the child does; memory_bytes: resident bytes of
    a child before it is stopped; seconds: wall clock per file; output_characters: longest text; recycle_after: files
    per child; ocr_languages: tesseract's names joined with "+", "" for none; tessdata: the folder of its data (Debian's
    places when None); allow_unconfined: go on where the kernel refuses the
    system call filter.
    """

    def __init__(
        self,
        *,
        folder: Path,
        workers: int = 2,
        memory_bytes: int = MEMORY_BYTES,
        seconds: float = SECONDS,
        output_characters: int = OUTPUT_CHARACTERS,
        recycle_after: int = RECYCLE_AFTER,
        ocr_languages: str = "eng",
        tessdata: Path | None = None,
        allow_unconfined: bool = False,
        child: Sequence[str] = PYTHON_CHILD,
    ) -> None:
        data = find_tessdata(ocr_languages, tessdata)
        self.ocr_languages = ocr_languages if data else ""
        options = ParseOptions(self.ocr_languages, seconds * _OCR_SHARE, output_characters)
        self._limits = ChildLimits(folder, memory_bytes, seconds, options, data, allow_unconfined, tuple(child))
        self._recycle_after = recycle_after
        self._slots = asyncio.Semaphore(workers)
        self._idle: list[Child] = []
        self._busy: set[Child] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._workers = workers
        self._closed = False
        self.last_peak_bytes = 0

    @property
    def busy(self) -> int:
        """Files being read in a child right now; a file that waits for a free child is not among them."""
        return len(self._busy)

    async def start(self) -> None:
        """Start every child now, so that the first file finds one ready; raises ParserUnavailable."""
        children = await asyncio.gather(*(Child.start(self._limits) for _ in range(self._workers - len(self._idle))))
        self._idle.extend(children)

    async def parse(self, path: Path, filename: str) -> ParsedDocument:
        """Read one file in a child; cancelling kills that child. Raises subclasses of IngestionError."""
        opening = asyncio.ensure_future(asyncio.to_thread(os.open, path, os.O_RDONLY | os.O_CLOEXEC))
        try:
            handle = await asyncio.shield(opening)
        except OSError as error:
            raise opening_error(error) from error
        except asyncio.CancelledError:
            opening.add_done_callback(_close_opened)  # a thread cannot be called back
            raise
        try:
            async with self._slots:
                return await self._parse(handle, filename)
        finally:
            os.close(handle)

    async def _parse(self, handle: int, filename: str) -> ParsedDocument:
        child = await self._take()
        try:
            return await child.read(handle, filename)
        finally:
            self.last_peak_bytes = child.peak_bytes
            self._give_back(child)

    async def _take(self) -> Child:
        if self._closed:
            raise ParserUnavailable(reason="the parser pool is closed")
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                self._busy.add(child)
                return child
            self._background(child.stop())
        child = await Child.start(self._limits)
        self._busy.add(child)
        return child

    def _give_back(self, child: Child) -> None:
        self._busy.discard(child)
        worn = child.files >= self._recycle_after or child.resident_bytes > self._limits.memory_bytes // 2
        if child.alive and not worn and not self._closed:
            self._idle.append(child)
            return
        self._background(child.stop())
        if not self._closed and len(self._idle) + len(self._busy) < self._workers:
            self._background(self._replace())

    async def _replace(self) -> None:
        """Start the next child while nobody waits; a failure shows at the next file, which tries again."""
        try:
            child = await Child.start(self._limits)
        except ParserUnavailable:
            return
        if self._closed or len(self._idle) + len(self._busy) >= self._workers:
            await child.stop()
        else:
            self._idle.append(child)

    def _background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Kill and reap every child; files in flight fail with ParserCrashed."""
        self._closed = True
        await asyncio.gather(*(child.stop() for child in (*self._idle, *self._busy)))
        while self._tasks:
            await asyncio.gather(*self._tasks)
        self._idle.clear()


def opening_error(error: OSError) -> IngestionError:
    """Return FileMissing for what is wrong with the path, FileNotOpened for a state of the machine that may pass."""
    cause = FileMissing if error.errno in _LASTING else FileNotOpened
    return cause(reason=error.strerror)


def _close_opened(opening: asyncio.Future[int]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        os.close(opening.result())
