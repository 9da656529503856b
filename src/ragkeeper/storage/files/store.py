"""Content-addressed originals: `files/ab/abcdef…`, each written once and never changed."""

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from ragkeeper.storage.files.data_folder import sync_folder
from ragkeeper.storage.files.errors import DiskSpaceLow, FileTooLarge

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class StoredFile:
    """sha256: hexadecimal; size: bytes; created: False when the same content was already here."""

    sha256: str
    size: int
    created: bool


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

    async def receive(self, content: AsyncIterator[bytes]) -> StoredFile:
        """Stream to disk, hash, and move into place; durable when it returns.

        Raises FileTooLarge and DiskSpaceLow; nothing is left behind then, nor when the sender goes away.
        """
        self.require_space()
        descriptor, name = await asyncio.to_thread(tempfile.mkstemp, dir=self._incoming)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as handle:
                sha256, size = await self._copy(content, handle.fileno())
                await asyncio.to_thread(os.fsync, handle.fileno())
            return await asyncio.to_thread(self._keep, temporary, sha256, size)
        finally:
            await asyncio.to_thread(temporary.unlink, missing_ok=True)

    def path(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256

    async def remove(self, sha256: str) -> bool:
        """Delete an original; False when it was not there."""
        path = self.path(sha256)
        try:
            await asyncio.to_thread(path.unlink)
        except FileNotFoundError:
            return False
        await asyncio.to_thread(sync_folder, path.parent)
        return True

    def require_space(self) -> None:
        """Raises DiskSpaceLow when less than the reserve is free."""
        free_mb = shutil.disk_usage(self._root).free // _MEGABYTE
        if free_mb < self._reserve_mb:
            raise DiskSpaceLow(free_mb=free_mb, needed_mb=self._reserve_mb)

    async def _copy(self, content: AsyncIterator[bytes], descriptor: int) -> tuple[str, int]:
        digest = hashlib.sha256()
        size = 0
        checked = 0
        async for block in content:
            size += len(block)
            if size > self._limit_mb * _MEGABYTE:
                raise FileTooLarge(limit_mb=self._limit_mb)
            if size - checked > 16 * _MEGABYTE:
                self.require_space()
                checked = size
            digest.update(block)
            await asyncio.to_thread(_write_all, descriptor, block)
        return digest.hexdigest(), size

    def _keep(self, temporary: Path, sha256: str, size: int) -> StoredFile:
        target = self.path(sha256)
        if target.exists():
            return StoredFile(sha256, size, created=False)
        if not target.parent.exists():
            target.parent.mkdir(exist_ok=True)
            sync_folder(self._root)
        temporary.rename(target)
        sync_folder(target.parent)
        return StoredFile(sha256, size, created=True)


def _write_all(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]
