"""The search index as everybody holds it: one generation serves, another may be written beside it until they switch.

Searches go to the generation that serves, unless the question's vector was made by the other's model: a search that
began before a change of the model ends in the index that it was meant for. An index closes after the searches that
were asked of it before, so nobody has to wait for a change and nobody sees one halfway.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.storage.vectors.port import Candidate, IndexCounts, IndexQuery, VectorEntry, VectorIndex, WordsEntry

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, eq=False)
class Generation:
    """One complete index. name: its folder; model: what made its vectors."""

    name: str
    model: str
    index: VectorIndex


class SwitchableIndex:
    """Implements the port of an index over one or two generations. `beside` is written like the one that serves."""

    def __init__(self, serving: Generation, beside: Generation | None = None) -> None:
        self._serving = serving
        self._beside = beside
        self._replacing = False
        self.incomplete = False
        """Being filled anew from the truth: searches find only a part, and say so."""

    @property
    def serving(self) -> Generation:
        return self._serving

    @property
    def beside(self) -> Generation | None:
        return self._beside

    @property
    def targets(self) -> tuple[Generation, ...]:
        """All that writes go to, the one that serves first."""
        return (self._serving,) if self._beside is None else (self._serving, self._beside)

    def may_fail(self, generation: Generation) -> bool:
        """Whether writes go on without this one.

        One that is beside is repaired later, or given up; so is one that serves while its replacement is nearly ready.
        """
        return self._replacing if generation is self._serving else True

    def write_beside(self, generation: Generation | None, *, replacing: bool = False) -> Generation | None:
        """From now on write to this one too; None: to none. Returns what was beside, which is the caller's to close.

        replacing: it is about to take the place of the one that serves.
        """
        before, self._beside, self._replacing = self._beside, generation, replacing and generation is not None
        return before

    def switch(self) -> None:
        """Let the generation beside serve, and the one that served be beside. Without one there, nothing happens."""
        if self._beside is not None:
            self._serving, self._beside, self._replacing = self._beside, self._serving, False

    async def search(self, query: IndexQuery) -> list[Candidate]:
        """A vector that none of the generations understands is left out: words are understood by all of them."""
        for generation in self.targets:
            if query.vector is None or query.model in {"", generation.model}:
                return await generation.index.search(query)
        return await self._serving.index.search(replace(query, vector=None))

    async def put_words(self, entries: Sequence[WordsEntry]) -> None:
        for generation in self.targets:
            await generation.index.put_words(entries)

    async def put_vectors(self, entries: Sequence[VectorEntry]) -> None:
        """Vectors of the model that serves."""
        for generation in self.targets:
            if generation.model == self._serving.model:
                await generation.index.put_vectors(entries)

    async def remove_versions(self, version_ids: Collection[str]) -> None:
        for generation in self.targets:
            await generation.index.remove_versions(version_ids)

    async def remove_documents(self, document_ids: Collection[str]) -> None:
        for generation in self.targets:
            await generation.index.remove_documents(document_ids)

    async def flush(self) -> None:
        for generation in self.targets:
            await generation.index.flush()

    async def count(self) -> IndexCounts:
        return await self._serving.index.count()

    async def chunk_ids(self, after: int, limit: int) -> list[tuple[int, str]]:
        return await self._serving.index.chunk_ids(after, limit)

    async def vector_ids(self, after: int, limit: int) -> list[int]:
        return await self._serving.index.vector_ids(after, limit)

    async def optimize(self, *, force: bool = False) -> bool:
        done = [await generation.index.optimize(force=force) for generation in self.targets]
        return any(done)

    async def snapshot(self, target: Path) -> None:
        await self._serving.index.snapshot(target)

    async def clear(self) -> None:
        await self._serving.index.clear()

    async def close(self) -> None:
        for generation in self.targets:
            await close_quietly(generation)


async def close_quietly(generation: Generation) -> None:
    """Let go of an index that may be damaged: what it says to that helps nobody any more."""
    try:
        await generation.index.close()
    except RagkeeperError as error:
        _log.warning("index_closed_badly", generation=generation.name, code=error.code, reason=error.message)
