"""The data folder: its layout, its lock, its generated secrets, and who serves it."""

import fcntl
import json
import os
import secrets
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ragkeeper.storage.files.errors import DataFolderInUse, DataFolderUnusable

_KEY_PREFIX = "rk_"
_LOCK_TRIES = 5
_LOCK_PAUSE = 0.02


@dataclass(slots=True)
class DataFolder:
    """One server process at a time owns a data folder; the lock lives as long as the process, so a crash frees it."""

    path: Path
    _lock: IO[str] | None = field(default=None, repr=False)

    @property
    def files(self) -> Path:
        return self.path / "files"

    @property
    def index(self) -> Path:
        return self.path / "index"

    @property
    def jobs(self) -> Path:
        """The job engine's database."""
        return self.path / "jobs.db"

    @property
    def work(self) -> Path:
        """For files that are of no use to the next process; whoever takes the lock empties it."""
        return self.path / "work"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets"

    def create(self) -> None:
        """Make the folders that are missing. Raises DataFolderUnusable."""
        try:
            for folder in (self.path, self.files, self.index, self.path / "backups", self.path / "logs"):
                folder.mkdir(parents=True, exist_ok=True)
            self.secrets.mkdir(mode=0o700, exist_ok=True)
            self.path.chmod(0o700)  # documents are as private as the key that opens them
        except OSError as error:
            raise DataFolderUnusable(path=self.path, reason=error) from error

    def lock(self) -> None:
        """Own the folder until `unlock` or the end of the process. Raises DataFolderInUse."""
        handle = (self.path / "lock").open("a+")
        for _ in range(_LOCK_TRIES):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # Somebody who only looks whether it is locked holds it for an instant.
                time.sleep(_LOCK_PAUSE)
                continue
            self._announcement.unlink(missing_ok=True)  # of a process that was killed
            self._empty_work()
            self._lock = handle
            return
        handle.close()
        raise DataFolderInUse(path=self.path, pid=(self.server() or {}).get("pid", "unknown"))

    def unlock(self) -> None:
        self._announcement.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def announce(self, url: str) -> None:
        """Tell command-line programs where this folder is served."""
        replace_file(self._announcement, json.dumps({"url": url, "pid": os.getpid()}).encode())

    def server(self) -> dict[str, str] | None:
        """Where the folder is served: {url, pid}; None when nobody owns its lock."""
        if not self._announcement.exists() or not self.held:
            return None
        found: dict[str, str] = json.loads(self._announcement.read_text())
        return found

    def server_process(self) -> int | None:
        """The server's process number; None where none lives, or its announcement cannot be read."""
        try:
            server = self.server()
            return int(server["pid"]) if server and _lives(int(server["pid"])) else None
        except (OSError, ValueError, KeyError):
            return None

    @property
    def held(self) -> bool:
        """Whether somebody owns the folder at this moment; finding out writes nothing."""
        try:
            with (self.path / "lock").open() as handle:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False

    def api_key(self) -> str:
        """The key of this folder, generated (256 bits) at the first call."""
        file = self.secrets / "api_key"
        if not file.exists():
            replace_file(file, (_KEY_PREFIX + secrets.token_urlsafe(32)).encode(), mode=0o600)
        return file.read_text().strip()

    def _empty_work(self) -> None:
        """Remove what a killed process left; what cannot be removed harms nobody and waits for the next owner."""
        self.work.mkdir(mode=0o700, exist_ok=True)
        half_written = [*self.path.glob(".server.json.*"), *self.secrets.glob(".api_key.*")]
        for entry in (*self.work.iterdir(), *half_written):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                with suppress(OSError):
                    entry.unlink()

    @property
    def _announcement(self) -> Path:
        return self.path / "server.json"


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def replace_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file so that a crash leaves the old content or the new, never part of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and removals inside a folder survive power loss."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
