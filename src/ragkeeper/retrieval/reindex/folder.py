"""The folder of the index: generations side by side, and a file that says which one serves.

serving.json        which generation serves, and which one is kept for an undo
<generation>/       one complete index each; any other entry is left over from something that was broken off
"""

import json
import shutil
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ragkeeper.retrieval.reindex.errors import IndexFolderUnwritable
from ragkeeper.storage.files.data_folder import replace_file

_POINTER = "serving.json"
_TIME = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, slots=True)
class Pointer:
    """Names of generations. previous: kept for an undo; None: there is none."""

    serving: str
    previous: str | None = None

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self.serving} | ({self.previous} if self.previous else set()))


@dataclass(frozen=True, slots=True)
class IndexFolder:
    """Everything here blocks for a moment, and for as long as removing an index takes."""

    root: Path

    def pointer(self) -> Pointer | None:
        """None where none was written, or where it cannot be read: the index is derived, and is then built anew."""
        try:
            found = json.loads((self.root / _POINTER).read_bytes())
            return Pointer(str(found["serving"]), found["previous"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def point(self, pointer: Pointer) -> None:
        """Durable and never halfway: after a crash the old content is there or the new. IndexFolderUnwritable."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            replace_file(self.root / _POINTER, json.dumps(asdict(pointer)).encode())
        except OSError as error:
            raise IndexFolderUnwritable(path=self.root, reason=error.strerror or error) from error

    def path(self, generation: str) -> Path:
        return self.root / generation

    def names(self) -> list[str]:
        """Of all folders in it."""
        return sorted(path.name for path in self.root.iterdir() if path.is_dir()) if self.root.is_dir() else []

    def exists(self, generation: str) -> bool:
        return self.path(generation).is_dir()

    def remove(self, generation: str) -> None:
        shutil.rmtree(self.path(generation), ignore_errors=True)

    def remove_leftovers(self, wanted: Collection[str]) -> list[str]:
        """Delete everything but these generations and the pointer; returns what there was."""
        found = [path for path in self.root.iterdir() if path.name not in {*wanted, _POINTER}]
        for path in found:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        return sorted(path.name for path in found)

    def put_aside(self, generation: str, now: datetime) -> Path:
        """Move a damaged generation out of the way, under a name with the time, for whoever wants to look at it."""
        target = self.root.with_name(f"{self.root.name}-aside-{now:{_TIME}}")
        while target.exists():
            target = target.with_name(f"{target.name}-again")
        self.path(generation).rename(target)
        return target

    def size(self, generation: str) -> int:
        """Bytes on the disk."""
        return sum(path.stat().st_blocks * 512 for path in self.path(generation).rglob("*") if path.is_file())


def generation_name(now: datetime, job_id: str) -> str:
    return f"{now:{_TIME}}-{job_id}"


def made_at(generation: str) -> datetime:
    """When making it began; the beginning of time where its name does not tell."""
    try:
        return datetime.strptime(generation.partition("-")[0], _TIME).replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def job_of(generation: str) -> str:
    """The id of the job that made it."""
    return generation.partition("-")[2]
