"""Fill an index that nobody has open, as fast as it goes: for a process of its own, since every call blocks long.

Words and vectors of a chunk go into the engine in one piece, many chunks at a time, and the shard is optimized where it
lies. An index that was left half filled is gone on with: what was put already is put again.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ragkeeper.storage.vectors import layout
from ragkeeper.storage.vectors.port import IndexCounts, WordsEntry
from ragkeeper.storage.vectors.shard import Shard
from ragkeeper.storage.vectors.words import AUTO, WordEncoder

Entry = tuple[WordsEntry, NDArray[np.float32] | None]
"""A chunk with its vector, if it has one."""


class BulkLoader:
    def __init__(self, root: Path, manifest: layout.Manifest, shard: Shard) -> None:
        self._root = root
        self._manifest = manifest
        self._shard = shard

    @classmethod
    def open(cls, root: Path, dimension: int, language: str = AUTO, model: str = "") -> Self:
        """The index in this folder, made if need be. IndexMismatch, IndexUnreadable, IndexInUse."""
        encoder = WordEncoder(language)
        manifest = layout.read_manifest(root)
        if manifest is not None:
            layout.check(root, manifest, {"dimension": dimension, "language": language, "model": model})
            layout.require_whole(root, manifest)
            return cls(root, manifest, Shard.load(root / manifest.shard, encoder))
        manifest = layout.Manifest.fresh(dimension, language, model)
        root.mkdir(parents=True, exist_ok=True)
        shard = Shard.create(root / manifest.shard, dimension, encoder)
        layout.sync_tree(root)
        layout.write_manifest(root, manifest)
        return cls(root, manifest, shard)

    def put(self, entries: Sequence[Entry]) -> None:
        """Add chunks as a whole, or replace them. A vector that nothing can be compared with is left out."""
        dimension = self._manifest.dimension
        whole = [(entry, vector if _usable(vector, dimension) else None) for entry, vector in entries]
        if whole:
            self._shard.apply(self._shard.whole_operation(whole))

    def count(self) -> IndexCounts:
        return self._shard.count()

    def optimize(self) -> None:
        """Takes seconds for each ten thousand chunks, on all cores."""
        self._shard.optimize()
        self._manifest = replace(self._manifest, optimized=self._shard.count().with_vectors)

    def close(self) -> None:
        """Durable when it returns."""
        self._shard.flush()
        layout.record_sizes(self._root, self._manifest.shard)
        self._shard.close()
        layout.sync_tree(self._root)
        layout.write_manifest(self._root, self._manifest)


def _usable(vector: NDArray[np.float32] | None, dimension: int) -> bool:
    return vector is not None and vector.shape == (dimension,) and bool(np.isfinite(vector).all())
