"""Content-addressed originals: `files/ab/abcdef…`, each written once and never changed."""

import asyncio
import errno
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ragkeeper.core.ids import new_id
from ragkeeper.core.room import free_bytes
from ragkeeper.storage.files.data_folder import sync_folder
from ragkeeper.storage.files.errors import DiskSpaceLow, FileTooLarge

_MEGABYTE = 1_000_000
# What file systems without hard links say: exFAT, some network shares.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS})
_PREFIX = 2  # characters of the hash that name its folder
_HASH = 64


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """sha256: hexadecimal; size: bytes; path: where the bytes lie until they have become an original."""

    sha256: str
    size: int
    path: Path


@dataclass(frozen=True, slots=True)
class Space:
    """In MB: what is free on the disk, None where it does not say, and what is kept in reserve."""

    free_mb: int | None
    reserve_mb: int

    def has(self, megabytes: int) -> bool:
        return self.free_mb is None or self.free_mb >= megabytes


class FileStore:
    """Originals under `root`. `limit_mb`: largest file; `reserve_mb`: free space that uploads may not use up."""

    def __init__(self, root: Path, limit_mb: int, reserve_mb: int) -> None:
        self._root = root
        self._limit_mb = limit_mb
        self._reserve_mb = reserve_mb
        self._incoming = root / "incoming"

    def prepare(self) -> None:
        """Make the folders and drop what an earlier process left half received."""
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir(parents=True)

    @asynccontextmanager
    async def receive(self, content: AsyncIterator[bytes]) -> AsyncIterator[ReceivedFile]:
        """Stream to disk and hash; inside the block the bytes are safe, and `keep` makes them an original.

        Raises FileTooLarge and DiskSpaceLow; nothing is left behind then, nor when the sender goes away.
        """
        self.require_space()
        temporary = self._incoming / new_id()
        try:
            sha256, size = await self._copy(content, temporary)
            yield ReceivedFile(sha256, size, temporary)
        finally:
            await asyncio.to_thread(temporary.unlink, missing_ok=True)

    async def keep(self, received: Sequence[ReceivedFile]) -> None:
        """Make originals of these, where they are not originals yet; durable when it returns."""
        await asyncio.to_thread(self._keep_all, received)

    async def stored(self) -> AsyncIterator[list[str]]:
        """The names (sha256) of all originals, a folder at a time."""
        for folder in await asyncio.to_thread(_hash_folders, self._root):
            yield [name for name in await asyncio.to_thread(os.listdir, folder) if len(name) == _HASH]

    def path(self, sha256: str) -> Path:
        return self._root / sha256[:_PREFIX] / sha256

    async def remove(self, hashes: Sequence[str]) -> int:
        """Delete originals; returns how many of them were there."""
        return await asyncio.to_thread(self._remove_all, hashes)

    def space(self) -> Space:
        free = free_bytes(self._root)
        return Space(None if free is None else free // _MEGABYTE, self._reserve_mb)

    def require_space(self) -> None:
        """Raises DiskSpaceLow when less than the reserve is free."""
        space = self.space()
        if not space.has(space.reserve_mb):
            raise DiskSpaceLow(free_mb=space.free_mb, needed_mb=space.reserve_mb)

    async def _copy(self, content: AsyncIterator[bytes], target: Path) -> tuple[str, int]:
        """Write to `target`, durably; returns sha256 and size. A small file is one trip to a thread."""
        digest = hashlib.sha256()
        waiting: list[bytes] = []
        size = written = checked = 0
        async for block in content:
            size += len(block)
            if size > self._limit_mb * _MEGABYTE:
                raise FileTooLarge(limit_mb=self._limit_mb)
            if size - checked > 16 * _MEGABYTE:
                self.require_space()
                checked = size
            digest.update(block)
            waiting.append(block)
            if size - written >= _MEGABYTE:
                await asyncio.to_thread(_append, target, waiting)
                waiting, written = [], size
        await asyncio.to_thread(_append, target, waiting, durable=True)
        return digest.hexdigest(), size

    def _remove_all(self, hashes: Sequence[str]) -> int:
        removed = [path for path in map(self.path, hashes) if _unlinked(path)]
        for folder in {path.parent for path in removed}:
            sync_folder(folder)
        return len(removed)

    def _keep_all(self, received: Sequence[ReceivedFile]) -> None:
        changed = {self.path(one.sha256).parent for one in received if self._keep(one)}
        for folder in changed:
            sync_folder(folder)

    def _keep(self, received: ReceivedFile) -> bool:
        """True when there was no such original yet."""
        target = self.path(received.sha256)
        if not target.parent.exists():
            target.parent.mkdir(exist_ok=True)
            sync_folder(self._root)
        try:
            self.link(received.path, target)
        except FileExistsError:
            return False
        except FileNotFoundError:
            if target.exists():
                return False
            raise
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return not target.exists() and self._copied(received.path, target)
        return True

    def link(self, source: Path, target: Path) -> None:
        """One more name for the bytes. Raises what the file system says when it has no such links."""
        target.hardlink_to(source)

    def _copied(self, source: Path, target: Path) -> bool:
        """For file systems without hard links. The source stays, so that it can be done again after a deletion."""
        beside = self._incoming / new_id()
        shutil.copyfile(source, beside)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.rename(target)
        return True


def _unlinked(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def _hash_folders(root: Path) -> list[Path]:
    return sorted(folder for folder in root.iterdir() if len(folder.name) == _PREFIX and folder.is_dir())


def _append(target: Path, blocks: Sequence[bytes], *, durable: bool = False) -> None:
    with target.open("ab") as file:
        file.writelines(blocks)
        if durable:
            file.flush()
            os.fsync(file.fileno())
