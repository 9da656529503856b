"""A folder on the server's disk, with everything below it."""

import asyncio
import os
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from ragkeeper.ingestion.sources.connectors.errors import ItemTooLarge, ItemUnavailable, SourceTooLarge
from ragkeeper.ingestion.sources.connectors.port import Found, ScanLimits, Unreadable
from ragkeeper.ingestion.sources.connectors.rules import is_wanted, require_folder_allowed
from ragkeeper.ingestion.sources.errors import FolderRefused, SourceError, SourceUnreachable

_BLOCK = 1 << 20
_ROOT = "."  # the key of the folder itself
_NO_LINK = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Folder:
    """data_folder: the server's own, which is never read. Patterns: see `rules.is_wanted`."""

    path: Path
    data_folder: Path
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    path: Path
    key: str
    info: os.stat_result


@dataclass(frozen=True, slots=True)
class _Listing:
    files: Sequence[_Entry | Unreadable]
    folders: Sequence[Path]


class FolderConnector:
    """Hidden files and folders are left out. A link is followed to a file inside the folder, and nowhere else.

    Raises FolderRefused: for a path that is not absolute, or not a folder of documents.
    """

    def __init__(self, folder: Folder, limits: ScanLimits) -> None:
        if not folder.path.is_absolute():
            raise FolderRefused(path=folder.path, reason="it is not a whole path (/…)")
        self._folder = folder
        self._limits = limits
        self._data_folder = _real(folder.data_folder)
        self._root = _real(folder.path)
        require_folder_allowed(self._root, self._data_folder)

    async def scan(self, known: Mapping[str, str]) -> AsyncGenerator[Found | Unreadable]:
        before = await asyncio.to_thread(self._look_at_root)
        waiting = [self._root]
        n_found = 0
        while waiting:
            try:
                listing = await asyncio.to_thread(self._list, waiting.pop())
            except _UnreadableFolderError as error:
                for item in self._below(error, known):
                    yield item
                continue
            for entry in listing.files:
                n_found += 1
                if n_found > self._limits.most_items:
                    raise SourceTooLarge(location=self._folder.path, limit=f"{self._limits.most_items:,}")
                yield entry if isinstance(entry, Unreadable) else self._found(entry)
            waiting += listing.folders
        # Unmounted while it was read, say: the rest of it only seems to be gone.
        if await asyncio.to_thread(self._look_at_root) != before:
            raise SourceUnreachable(location=self._folder.path, reason="it became another folder while it was read")

    async def close(self) -> None:
        """Nothing is held."""

    def _look_at_root(self) -> tuple[int, int]:
        """Which folder it is. Raises SourceUnreachable, and FolderRefused when the path leads elsewhere by now."""
        try:
            self._root = _real(self._folder.path, strict=True)
            os.scandir(self._root).close()
            info = self._root.stat()
        except OSError as error:
            raise SourceUnreachable(location=self._folder.path, reason=error.strerror or error) from error
        require_folder_allowed(self._root, self._data_folder)
        return info.st_dev, info.st_ino

    def _list(self, folder: Path) -> _Listing:
        """Raises _UnreadableFolderError; a folder that has just gone is empty."""
        try:
            if _real(folder, strict=True) != folder:
                return _Listing((), ())  # a link has taken its place
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except FileNotFoundError:
            return _Listing((), ())
        except OSError as error:
            raise _UnreadableFolderError(self._key(folder), error) from error
        shown = [entry for entry in found if not entry.name.startswith(".")]
        folders = (folder / entry.name for entry in shown if entry.is_dir(follow_symlinks=False))
        others = (folder / entry.name for entry in shown if not entry.is_dir(follow_symlinks=False))
        files = (one for path in others if (one := self._look(path)) is not None)
        # One more than may be there is enough to refuse them all.
        return _Listing(
            list(islice(files, self._limits.most_items + 1)),
            [path for path in folders if path != self._data_folder],
        )

    def _look(self, path: Path) -> _Entry | Unreadable | None:
        """None for what is no file of this source."""
        key = self._key(path)
        if not is_wanted(key, self._folder.include, self._folder.exclude):
            return None
        try:
            real = _real(path, strict=True) if path.is_symlink() else path
            info = real.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            return _unreadable(key, ItemUnavailable(location=key, reason=error.strerror or error))
        if not stat.S_ISREG(info.st_mode) or not real.is_relative_to(self._root):
            return None
        if real.is_relative_to(self._data_folder):
            return None
        if info.st_size > self._limits.largest_bytes:
            return _unreadable(key, ItemTooLarge(location=key, limit=f"{self._limits.largest_bytes:,}"))
        return _Entry(real, key, info)

    def _found(self, entry: _Entry) -> Found:
        info = entry.info
        fingerprint = f"{info.st_size}-{info.st_mtime_ns}-{info.st_ino}"
        return Found(
            entry.key, fingerprint, entry.key, entry.key.rpartition("/")[2], lambda: _content(entry, self._root)
        )

    def _key(self, path: Path) -> str:
        """The path below the folder, with slashes; bytes that are no text are written out."""
        return os.fsencode(path.relative_to(self._root).as_posix()).decode("utf-8", "backslashreplace")

    @staticmethod
    def _below(error: "_UnreadableFolderError", known: Mapping[str, str]) -> list[Unreadable]:
        """What was known to be in a folder that cannot be read may well be there still."""
        problem = ItemUnavailable(location=error.key, reason=error.reason)
        prefix = "" if error.key == _ROOT else f"{error.key}/"
        keys = [error.key, *(key for key in known if key.startswith(prefix))]
        return [_unreadable(key, problem) for key in keys]


class _UnreadableFolderError(Exception):
    def __init__(self, key: str, error: OSError) -> None:
        super().__init__(key)
        self.key = key
        self.reason = error.strerror or str(error)


def _real(path: Path, *, strict: bool = False) -> Path:
    """Where the path leads. Strict: raises OSError when that is nothing, or a circle (Path.resolve: RuntimeError)."""
    return Path(os.path.realpath(path, strict=strict))


def _unreadable(key: str, error: SourceError) -> Unreadable:
    return Unreadable(key, error.code, error.message)


@asynccontextmanager
async def _content(entry: _Entry, root: Path) -> AsyncIterator[AsyncIterator[bytes]]:
    try:
        file = await asyncio.to_thread(_open, entry, root)
    except OSError as error:
        raise ItemUnavailable(location=entry.key, reason=error.strerror or error) from error
    try:
        yield _blocks(entry, file)
    finally:
        await asyncio.to_thread(file.close)


def _open(entry: _Entry, root: Path) -> IO[bytes]:
    """Open the very file that was seen, and through no link: a name may lead out of the folder by now."""
    *folders, name = entry.path.relative_to(root).parts
    folder = os.open(root, _NO_LINK | os.O_DIRECTORY)
    try:
        for part in folders:
            above, folder = folder, os.open(part, _NO_LINK | os.O_DIRECTORY, dir_fd=folder)
            os.close(above)
        handle = os.open(name, _NO_LINK | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    info = os.fstat(handle)
    if (info.st_dev, info.st_ino) != (entry.info.st_dev, entry.info.st_ino):
        os.close(handle)
        raise ItemUnavailable(location=entry.key, reason="it was replaced while the folder was read")
    return os.fdopen(handle, "rb")


async def _blocks(entry: _Entry, file: IO[bytes]) -> AsyncIterator[bytes]:
    while True:
        try:
            block = await asyncio.to_thread(file.read, _BLOCK)
        except OSError as error:
            raise ItemUnavailable(location=entry.key, reason=error.strerror or error) from error
        if not block:
            return
        yield block
