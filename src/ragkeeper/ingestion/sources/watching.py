"""Tells when something changes in folders, by what the kernel says. It may fail at any time; schedules do not."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
from watchfiles import awatch

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.ingestion.sources.models import Watching

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Timing:
    """debounce_ms: after a change, how long more of them are waited for. again_after: seconds until a failure is over.

    look_every_ms: how often it is looked whether the folder is still the same one; a mount may have come over it.
    """

    debounce_ms: int = 1600
    look_every_ms: int = 5000
    again_after: float = 60.0


@dataclass(frozen=True, slots=True)
class Watched:
    path: Path
    changed: Callable[[], Awaitable[None]]


class FolderWatcher:
    """`states`: whether each folder is watched, by its id; kept up to date.

    data_folder: the server's own. It is no part of any source, and what happens there tells nothing: each
    synchronisation writes to it.
    """

    def __init__(self, states: dict[str, Watching], data_folder: Path, timing: Timing | None = None) -> None:
        self._states = states
        self._data_folder = data_folder
        self._timing = timing or Timing()
        self._tasks: dict[str, tuple[Path, asyncio.Task[None]]] = {}

    async def watch(self, wanted: Mapping[str, Watched]) -> None:
        """These folders, by id, and no others."""
        for name in [
            name for name, (path, _) in self._tasks.items() if name not in wanted or wanted[name].path != path
        ]:
            await self._end(name)
        for name, watched in wanted.items():
            if name not in self._tasks:
                task = asyncio.create_task(self._watch(name, watched), name=f"watch-{name}")
                self._tasks[name] = (watched.path, task)

    async def stop(self) -> None:
        await self.watch({})

    async def _end(self, name: str) -> None:
        _, task = self._tasks.pop(name)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._states.pop(name, None)

    async def _watch(self, name: str, watched: Watched) -> None:
        """Begins anew after a failure, and then asks at once: something may have been missed."""
        missed = False
        while True:
            try:
                self._states[name] = Watching(works=True)
                if missed:
                    await watched.changed()
                await _follow(watched, self._data_folder, self._timing)
                missed = True
            except Exception as error:  # noqa: BLE001 - whatever fails once must not end the watch for good
                reason = _reason(error)
                self._states[name] = Watching(works=False, reason=reason)
                _log.warning("watching_failed", folder=str(watched.path), reason=reason)
                missed = True
                await asyncio.sleep(self._timing.again_after)


async def _follow(watched: Watched, data_folder: Path, timing: Timing) -> None:
    """Until the folder is another one. Raises OSError when it is gone or cannot be watched."""
    before = await asyncio.to_thread(_identity, watched.path)
    hidden = await asyncio.to_thread(_below, watched.path, data_folder)
    changes = awatch(
        watched.path,
        watch_filter=lambda _change, path: _is_shown(watched.path, path, hidden),
        debounce=timing.debounce_ms,
        rust_timeout=timing.look_every_ms,
        yield_on_timeout=True,
        ignore_permission_denied=True,
        recursive=True,
    )
    async for found in changes:
        if await asyncio.to_thread(_identity, watched.path) != before:
            return
        if found:
            await watched.changed()


def _identity(path: Path) -> tuple[int, int]:
    info = path.stat()
    return info.st_dev, info.st_ino


def _below(root: Path, folder: Path) -> Path | None:
    """Where in `root` a folder lies, whatever links lead to the two; None: elsewhere."""
    real_root, real = Path(os.path.realpath(root)), Path(os.path.realpath(folder))
    return real.relative_to(real_root) if real.is_relative_to(real_root) else None


def _is_shown(root: Path, path: str, hidden: Path | None = None) -> bool:
    """Hidden files are no part of a source, nor is what lies in `hidden`, a path below `root`."""
    try:
        inside = Path(path).relative_to(root)
    except ValueError:
        return True
    if hidden is not None and inside.is_relative_to(hidden):
        return False
    return not any(part.startswith(".") for part in inside.parts)


def _reason(error: Exception) -> str:
    """For everybody: what an unexpected error says may be an SQL statement."""
    if isinstance(error, RagkeeperError):
        return error.message
    known = isinstance(error, OSError | RuntimeError) and str(error)
    return known or f"{type(error).__name__} inside the server."
