"""Decisions of connectors: no I/O."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from ragkeeper.ingestion.sources.errors import FolderRefused

# What the kernel shows there are no documents, and reading it can block or change things.
_NO_DOCUMENTS = tuple(Path(name) for name in ("/proc", "/sys", "/dev"))


def require_folder_allowed(path: Path, data_folder: Path) -> None:
    """Both resolved. Raises FolderRefused for what belongs to the system or to this server itself."""
    if path == Path(path.anchor):
        raise FolderRefused(path=path, reason="it is the whole machine")
    for system in _NO_DOCUMENTS:
        if path.is_relative_to(system):
            raise FolderRefused(path=path, reason=f"{system} belongs to the system")
    if path.is_relative_to(data_folder):
        raise FolderRefused(path=path, reason="the server keeps its own data there")


def is_wanted(path: str, include: Iterable[str], exclude: Iterable[str]) -> bool:
    """Whether a path below the source is read: by one of `include` (none: all) and none of `exclude`."""
    included = [fnmatchcase(path, pattern) for pattern in include]
    return (any(included) or not included) and not any(fnmatchcase(path, pattern) for pattern in exclude)
