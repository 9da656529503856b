"""Files on the user's side: which of the given paths are sent, and under which names."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.ingestion.errors import FileMissing


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file and the name its document gets: relative to the parent of the path that was given."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """A path that cannot be read, and why."""

    name: str
    error: RagkeeperError


def find_files(paths: Iterable[Path]) -> Iterator[FoundFile | NotFound]:
    """Every file at or below the paths in the order of their names, hidden ones below them left out.

    What is given by name is taken even when it is hidden. Links to files are followed, links to folders are not.
    """
    for given in paths:
        # Not resolved: a link keeps the name under which the user knows it.
        path = Path(os.path.abspath(given))  # noqa: PTH100 - Path.absolute keeps `..`, Path.resolve follows links
        yield from _walk(path, path.parent) if path.is_dir() else _file(path, path.parent)


def _walk(folder: Path, base: Path) -> Iterator[FoundFile | NotFound]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield _not_found(folder, base, error.strerror)
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = folder / entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path, base)
        elif not entry.is_dir():
            yield from _file(path, base)


def _file(path: Path, base: Path) -> Iterator[FoundFile | NotFound]:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        yield _not_found(path, base, error.strerror)
        return
    if stat.S_ISREG(mode):
        yield FoundFile(path, name_of(path, base))
    else:
        # Opening a pipe would wait for its writer for ever.
        yield _not_found(path, base, "it is not a regular file")


def _not_found(path: Path, base: Path, reason: str | None) -> NotFound:
    return NotFound(name_of(path, base), FileMissing(reason=reason or "unknown reason"))


def name_of(path: Path, base: Path) -> str:
    """The path below `base` with slashes; bytes that are no text are written out."""
    return os.fsencode(path.relative_to(base).as_posix()).decode("utf-8", "backslashreplace")
