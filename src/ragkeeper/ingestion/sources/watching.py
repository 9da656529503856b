"""Tells when something changes in folders, by what the kernel says. It may fail at any time; schedules do not."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
from watchfiles import awatch

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
    """`states`: whether each folder is watched, by its id; kept up to date."""

    def __init__(self, states: dict[str, Watching], timing: Timing | None = None) -> None:
        self._states = states
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
                await _follow(watched, self._timing)
                missed = True
            except (OSError, RuntimeError) as error:
                reason = str(error) or type(error).__name__
                self._states[name] = Watching(works=False, reason=reason)
                _log.warning("watching_failed", folder=str(watched.path), reason=reason)
                missed = True
                await asyncio.sleep(self._timing.again_after)


async def _follow(watched: Watched, timing: Timing) -> None:
    """Until the folder is another one. Raises OSError when it is gone or cannot be watched."""
    before = await asyncio.to_thread(_identity, watched.path)
    changes = awatch(
        watched.path,
        watch_filter=lambda _change, path: _is_shown(watched.path, path),
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


def _is_shown(root: Path, path: str) -> bool:
    """Hidden files are no part of a source."""
    try:
        parts = Path(path).relative_to(root).parts
    except ValueError:
        return True
    return not any(part.startswith(".") for part in parts)
