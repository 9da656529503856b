"""The index's folder: a manifest names the current shard, so that a finished shard replaces another in one rename.

index.json          what the index is made for, and which folder is the shard
sizes.json          how large the shard's files were when it was last written out; they only ever grow
shard-<id>/         the engine's files; any other shard-* is left over from an interrupted build
"""

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Self

from ragkeeper.core.ids import new_id
from ragkeeper.storage.vectors.errors import IndexMismatch, IndexUnreadable

FORMAT: Final = 1
_MANIFEST: Final = "index.json"
_SIZES: Final = "sizes.json"
_SEGMENTS: Final = "segments"
_SHARD_PREFIX: Final = "shard-"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the index is made for, and its shard.

    model: what made its vectors; optimized: how many points had one in the graph when the shard was last optimized.
    """

    dimension: int
    language: str
    shard: str
    model: str = ""
    optimized: int = 0
    format: int = FORMAT

    @classmethod
    def fresh(cls, dimension: int, language: str, model: str = "") -> Self:
        return cls(dimension, language, new_shard_name(), model)

    def successor(self, shard: str, optimized: int) -> "Manifest":
        return replace(self, shard=shard, optimized=optimized)


def new_shard_name() -> str:
    return _SHARD_PREFIX + new_id()


def read_manifest(root: Path) -> Manifest | None:
    """None where no index has been made yet. IndexUnreadable, IndexMismatch (format)."""
    try:
        content = json.loads((root / _MANIFEST).read_bytes())
        stored = content.pop("format")
        if stored != FORMAT:
            raise IndexMismatch(path=root, setting="format", stored=stored, wanted=FORMAT)
        return Manifest(**content)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IndexUnreadable(path=root, reason=f"{_MANIFEST} is damaged") from error


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Replace the manifest: the old one or the new one is there, whatever happens."""
    beside = root / f"{_MANIFEST}.new"
    with beside.open("w", encoding="utf-8") as file:
        json.dump(asdict(manifest), file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(root / _MANIFEST)
    sync(root)


def check(root: Path, manifest: Manifest, made_for: Mapping[str, str | int]) -> None:
    """IndexMismatch when the index was made for something else."""
    for setting, wanted in made_for.items():
        if (stored := getattr(manifest, setting)) != wanted:
            raise IndexMismatch(path=root, setting=setting, stored=stored, wanted=wanted)


def record_sizes(root: Path, shard: str) -> None:
    """Remember how large the files are. The engine reads them as memory: one that was cut off would end the process."""
    beside = root / f"{_SIZES}.new"
    # It helps to notice damage and is no part of the index: where it cannot be written, the index is as good without.
    with suppress(OSError):
        beside.write_text(json.dumps({"shard": shard, "sizes": _sizes(root / shard)}), encoding="utf-8")
        beside.replace(root / _SIZES)


def require_whole(root: Path, manifest: Manifest) -> None:
    """Raises IndexUnreadable when a file is shorter than it was; call it before the engine opens them.

    One that is gone the engine misses by itself.
    """
    try:
        kept = json.loads((root / _SIZES).read_bytes())
        sizes = dict(kept["sizes"]) if kept["shard"] == manifest.shard else {}
    except (OSError, ValueError, TypeError, KeyError):
        return
    found = _sizes(root / manifest.shard)
    for name, size in sizes.items():
        if found.get(name, size) < size:
            raise IndexUnreadable(path=root, reason=f"{name} has {found[name]} bytes of {size}")


def _sizes(shard: Path) -> dict[str, int]:
    """Of the files that are read as memory, by their path in the shard."""
    files = (path for path in (shard / _SEGMENTS).rglob("*") if path.is_file())
    return {str(path.relative_to(shard)): path.stat().st_size for path in files}


def remove_leftovers(root: Path, manifest: Manifest) -> None:
    """Delete shards that no manifest names: builds that were interrupted."""
    for folder in root.glob(f"{_SHARD_PREFIX}*"):
        if folder.name != manifest.shard:
            shutil.rmtree(folder, ignore_errors=True)


def copy_index(root: Path, manifest: Manifest, target: Path) -> None:
    """Copy the index to `target`, complete or not at all. Nothing may write to it meanwhile."""
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    shutil.copytree(root / manifest.shard, partial / manifest.shard)
    write_manifest(partial, manifest)
    sync_tree(partial)
    partial.rename(target)
    sync(target.parent)


def sync_tree(root: Path) -> None:
    """Return when everything under this folder is on the disk."""
    for folder, _, files in os.walk(root):
        for name in files:
            sync(Path(folder, name))
        sync(Path(folder))


def sync(path: Path) -> None:
    """Return when this file, or this folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
