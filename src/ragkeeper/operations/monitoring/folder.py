"""The folder of an export: all of its files change at once, or none; what others put into it stays."""

import ctypes
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from ragkeeper.operations.monitoring.errors import FolderUnusable, ForeignFiles
from ragkeeper.operations.monitoring.models import Difference, File, Files

MANIFEST = ".ragkeeper-monitoring.json"
_BEFORE = ".before"
_OF_A_DATA_FOLDER = ("ragkeeper.db", "secrets/api_key")
# Of <fcntl.h> and <linux/fs.h>.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


class ExportFolder:
    """The manifest tells what the last export wrote: only that is ever replaced or removed."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()

    def difference(self, files: Files) -> Difference:
        """What writing `files` would change. Raises FolderUnusable."""
        try:
            return self._difference(files)
        except OSError as error:
            raise self._unusable(error) from error

    def write(self, files: Files, *, replace: bool = False) -> Difference:
        """Write them; returns what that changed. replace: keep what is foreign beside, and write in its place.

        Raises ForeignFiles, FolderUnusable; nothing has changed then.
        """
        found = self.difference(files)
        if found.foreign and not replace:
            raise ForeignFiles(folder=self._path, files=", ".join(found.foreign))
        if not found.nothing:
            try:
                self._swap(files, found)
            except OSError as error:
                raise self._unusable(error) from error
        return found

    def _difference(self, files: Files) -> Difference:
        if self._path.exists() and not self._path.is_dir():
            raise NotADirectoryError(0, "it is no folder")
        written, there = self._manifest(), set(self._files())
        if any(name.endswith(_OF_A_DATA_FOLDER) for name in there):
            # Its server writes into it at this moment, and would lose what it writes.
            raise OSError(0, "the data of a server are in it")
        ours = {name for name in there & written.keys() if written[name] == _digest(self._path / name)}
        return Difference(
            new=tuple(sorted(files.keys() - there)),
            changed=tuple(sorted(name for name in files.keys() & ours if not self._is(name, files[name]))),
            gone=tuple(sorted(ours - files.keys())),
            foreign=tuple(sorted(name for name in there - ours if name in files or name in written)),
        )

    def _is(self, name: str, file: File) -> bool:
        path = self._path / name
        return path.read_bytes() == file.text.encode() and (path.stat().st_mode & 0o777) == _mode(file)

    def _swap(self, files: Files, found: Difference) -> None:
        """A whole new folder is made beside the old one; then the two change their names in one step."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{self._path.name}-", dir=self._path.parent))
        try:
            self._fill(beside, files, found)
            if self._path.exists():
                _make_alike(beside, self._path)
                _exchange(beside, self._path)
            else:
                beside.chmod(0o755)
                beside.rename(self._path)
            _sync(self._path.parent)
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _fill(self, beside: Path, files: Files, found: Difference) -> None:
        for name in self._files():
            if name not in found.gone and name not in files:
                _link(self._path / name, beside / name)
        for name in found.foreign:
            if name in files:
                _link(self._path / name, beside / f"{name}{_BEFORE}")
        for name, file in files.items():
            _write(beside / name, file.text.encode(), _mode(file))
        for folder in self._folders():
            self._keep(folder, beside / folder.relative_to(self._path))
        manifest = {name: hashlib.sha256(file.text.encode()).hexdigest() for name, file in files.items()}
        _write(beside / MANIFEST, json.dumps(manifest, indent=1).encode(), 0o644)

    def _files(self) -> Iterator[str]:
        """Every file but the manifest, also those of others."""
        for path in sorted(self._path.rglob("*")):
            if (path.is_symlink() or not path.is_dir()) and path.name != MANIFEST:
                yield str(path.relative_to(self._path))

    def _folders(self) -> list[Path]:
        """Every folder in it, the deepest first."""
        found = (path for path in self._path.rglob("*") if path.is_dir() and not path.is_symlink())
        return sorted(found, reverse=True)

    def _keep(self, folder: Path, target: Path) -> None:
        """Also the empty ones, with their modes and owners; not those that only held what is no longer written."""
        if not any(folder.iterdir()):
            target.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            _make_alike(target, folder)

    def _manifest(self) -> Mapping[str, str]:
        try:
            found = json.loads((self._path / MANIFEST).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _unusable(self, error: OSError) -> FolderUnusable:
        return FolderUnusable(folder=self._path, reason=error.strerror or error)


def _mode(file: File) -> int:
    return 0o600 if file.secret else 0o644


def _digest(path: Path) -> str:
    return "" if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()


def _make_alike(target: Path, folder: Path) -> None:
    about = folder.stat()
    os.chown(target, about.st_uid, about.st_gid)
    target.chmod(stat.S_IMODE(about.st_mode))


def _link(source: Path, target: Path) -> None:
    """The same file under a second name: nothing of others is copied, and nothing of theirs changes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, target, follow_symlinks=False)


def _write(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _exchange(one: Path, other: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
