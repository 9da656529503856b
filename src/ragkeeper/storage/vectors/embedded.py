"""The search index inside this process: Qdrant's engine on a folder.

The engine keeps the interpreter's lock during every call, so one thread owns it, writes come in small slices with
searches in between, durability comes from syncing the log (which needs no lock), and a child process optimizes a copy.
What is written meanwhile is kept in a journal and played to the optimized copy, which then takes the shard's place.
"""

import asyncio
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from qdrant_edge import UpdateOperation

from ragkeeper.storage.vectors import layout
from ragkeeper.storage.vectors.errors import IndexClosed, VectorUnusable
from ragkeeper.storage.vectors.optimizer import optimize_in_child
from ragkeeper.storage.vectors.port import Candidate, IndexCounts, IndexQuery, VectorEntry, WordsEntry
from ragkeeper.storage.vectors.shard import DOCUMENT, VERSION, Shard, removal
from ragkeeper.storage.vectors.words import AUTO, WordEncoder

_T = TypeVar("_T")

_SLICE: Final = 64  # entries per engine call: about 5 ms in which nothing else runs
_FLUSH_EVERY: Final = 50_000  # entries: bounds the log that is replayed when the index opens
_OPTIMIZE_AFTER: Final = 5_000  # vectors outside the graph: they cost a search about 1 ms
_OPTIMIZE_SHARE: Final = 0.05
_DEAD_AFTER: Final = 5_000  # removed entries: each goes on taking about 1.3 KB of memory and 2.5 KB of disk
_DEAD_SHARE: Final = 0.2


class EmbeddedIndex:
    """Open with `open`; one process at a time."""

    def __init__(self, root: Path, manifest: layout.Manifest, shard: Shard, encoder: WordEncoder) -> None:
        self._root = root
        self._manifest = manifest
        self._shard = shard
        self._encoder = encoder
        self._engine = ThreadPoolExecutor(1, thread_name_prefix="search-index")
        self._writing = asyncio.Lock()
        self._optimizing = asyncio.Lock()
        self._journal: list[UpdateOperation] | None = None
        self._unflushed = 0
        self._unoptimized = max(shard.count().with_vectors - manifest.optimized, 0)
        self._dead_left = 0
        self._building: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    async def open(cls, root: Path, dimension: int, language: str = AUTO, model: str = "") -> Self:
        """Open the index in this folder, or make one. IndexMismatch, IndexUnreadable, IndexInUse.

        `model` names what makes the vectors: those of two models must never lie in one index.
        """
        return await asyncio.to_thread(cls._open, root, dimension, language, model)

    @classmethod
    def _open(cls, root: Path, dimension: int, language: str, model: str) -> Self:
        encoder = WordEncoder(language)
        manifest = layout.read_manifest(root)
        if manifest is None:
            manifest = layout.Manifest.fresh(dimension, language, model)
            shard = _create(root, manifest, encoder)
        else:
            layout.check(root, manifest, {"dimension": dimension, "language": language, "model": model})
            layout.require_whole(root, manifest)
            shard = Shard.load(root / manifest.shard, encoder)
        layout.remove_leftovers(root, manifest)
        return cls(root, manifest, shard, encoder)

    async def put_words(self, entries: Sequence[WordsEntry]) -> None:
        async with self._writing:
            for some in _slices(entries):
                await self._run(self._put_words, some)

    async def put_vectors(self, entries: Sequence[VectorEntry]) -> None:
        """VectorUnusable, before anything is written."""
        for entry in entries:
            self._check(entry.vector)
        async with self._writing:
            for some in _slices(entries):
                await self._run(self._put_vectors, some)

    async def remove_versions(self, version_ids: Collection[str]) -> None:
        await self._remove(VERSION, version_ids)

    async def remove_documents(self, document_ids: Collection[str]) -> None:
        await self._remove(DOCUMENT, document_ids)

    async def search(self, query: IndexQuery) -> list[Candidate]:
        """VectorUnusable."""
        if query.vector is not None:
            self._check(query.vector)
        if query.limit < 1 or query.where.matches_nothing:
            return []
        return await self._run(self._search, query)

    async def count(self) -> IndexCounts:
        return await self._run(self._count)

    async def chunk_ids(self, after: int, limit: int) -> list[tuple[int, str]]:
        return await self._run(self._chunk_ids, after, limit)

    async def vector_ids(self, after: int, limit: int) -> list[int]:
        return await self._run(self._vector_ids, after, limit)

    async def flush(self) -> None:
        async with self._writing:
            if self._unflushed >= _FLUSH_EVERY:
                await self._run(self._flush)
            else:
                await asyncio.to_thread(self._shard.sync_log)

    @property
    def needs_optimizing(self) -> bool:
        return self._unoptimized >= max(_OPTIMIZE_AFTER, _OPTIMIZE_SHARE * self._manifest.optimized)

    async def optimize(self, *, force: bool = False) -> bool:
        """OptimizeFailed; needs disk space for a second index while it runs. `close` cancels it."""
        async with self._optimizing:
            wanted = self.needs_optimizing or (force and self._unoptimized > 0)
            if not wanted and not await self._run(self._has_many_dead):
                return False
            self._building = asyncio.create_task(self._build_optimized(layout.new_shard_name()))
            try:
                await self._building
            finally:
                self._building, self._journal = None, None
                await asyncio.to_thread(layout.remove_leftovers, self._root, self._manifest)
            return True

    async def snapshot(self, target: Path) -> None:
        async with self._writing:
            await self._run(self._flush)
            await asyncio.to_thread(layout.copy_index, self._root, self._manifest, target)

    async def clear(self) -> None:
        async with self._optimizing, self._writing:
            await self._run(self._clear)
            await asyncio.to_thread(layout.remove_leftovers, self._root, self._manifest)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._building is not None:
            self._building.cancel()
        async with self._optimizing, self._writing:
            await self._run(self._close)
        self._engine.shutdown()

    async def _run(self, call: Callable[..., _T], *arguments: object) -> _T:
        """Run on the engine's thread, after everything that was asked before. IndexClosed."""
        try:
            asked = asyncio.get_running_loop().run_in_executor(self._engine, partial(call, *arguments))
        except RuntimeError as error:  # the thread has ended
            raise IndexClosed(path=self._root) from error
        return await asked

    async def _remove(self, field: str, ids: Collection[str]) -> None:
        if not ids:
            return
        async with self._writing:
            await self._run(self._apply, removal(field, ids), 0)

    def _check(self, vector: NDArray[np.float32]) -> None:
        dimension = self._manifest.dimension
        if vector.shape != (dimension,):
            raise VectorUnusable(dimension=dimension, reason=f"its shape is {vector.shape}")
        if not np.isfinite(vector).all():
            raise VectorUnusable(dimension=dimension, reason="some numbers are not finite")

    async def _build_optimized(self, name: str) -> None:
        path = self._root / name
        async with self._writing:
            await self._run(self._flush)
            await asyncio.to_thread(shutil.copytree, self._root / self._manifest.shard, path)
            self._journal, included = [], self._unoptimized
        await optimize_in_child(path)
        shard = await self._run(Shard.load, path, self._encoder)
        done = False
        while not done:
            async with self._writing:
                done = await self._run(self._take_over, name, shard, included)

    # What follows runs on the engine's thread, where `self._shard` is always the current one.

    def _search(self, query: IndexQuery) -> list[Candidate]:
        return self._shard.search(query)

    def _count(self) -> IndexCounts:
        return self._shard.count()

    def _has_many_dead(self) -> bool:
        """Beyond those that the last optimizing left: the engine removes none where they are few beside the others."""
        dead = self._shard.dead() - self._dead_left
        return dead >= _DEAD_AFTER and dead >= _DEAD_SHARE * self._shard.count().points

    def _chunk_ids(self, after: int, limit: int) -> list[tuple[int, str]]:
        return self._shard.chunk_ids(after, limit)

    def _vector_ids(self, after: int, limit: int) -> list[int]:
        return self._shard.vector_ids(after, limit)

    def _put_words(self, entries: Sequence[WordsEntry]) -> None:
        self._apply(self._shard.words_operation(entries), len(entries))

    def _put_vectors(self, entries: Sequence[VectorEntry]) -> None:
        operation, known = self._shard.vectors_operation(entries)
        if known:
            self._apply(operation, known)
            self._unoptimized += known

    def _apply(self, operation: UpdateOperation, entries: int) -> None:
        self._shard.apply(operation)
        self._unflushed += entries
        if self._journal is not None:
            self._journal.append(operation)

    def _flush(self) -> None:
        self._shard.flush()
        layout.record_sizes(self._root, self._manifest.shard)
        self._unflushed = 0

    def _clear(self) -> None:
        manifest = self._manifest.successor(layout.new_shard_name(), 0)
        self._replace(manifest, _create(self._root, manifest, self._encoder))
        self._unoptimized = self._dead_left = 0

    def _close(self) -> None:
        self._flush()
        self._shard.close()

    def _take_over(self, name: str, shard: Shard, included: int) -> bool:
        """Play one operation of the journal to the new shard; once there is none left, let it replace the old one."""
        if self._journal:
            shard.apply(self._journal.pop(0))
            return False
        shard.flush()
        self._unoptimized -= included
        self._dead_left = shard.dead()
        self._replace(self._manifest.successor(name, shard.count().with_vectors - self._unoptimized), shard)
        return True

    def _replace(self, manifest: layout.Manifest, shard: Shard) -> None:
        layout.write_manifest(self._root, manifest)
        self._shard.close()
        self._shard, self._manifest, self._unflushed = shard, manifest, 0
        layout.record_sizes(self._root, manifest.shard)


def _create(root: Path, manifest: layout.Manifest, encoder: WordEncoder) -> Shard:
    root.mkdir(parents=True, exist_ok=True)
    shard = Shard.create(root / manifest.shard, manifest.dimension, encoder)
    layout.sync_tree(root)
    layout.write_manifest(root, manifest)
    layout.record_sizes(root, manifest.shard)
    return shard


def _slices(entries: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(entries), _SLICE):
        yield entries[start : start + _SLICE]
