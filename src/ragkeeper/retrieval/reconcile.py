"""Close every gap between the truth and the index, whatever made it: through outbox rows, like every other change."""

from dataclasses import dataclass
from datetime import datetime

import structlog

from ragkeeper.retrieval import repository, rules
from ragkeeper.retrieval.outbox import OutboxDrain, OutboxWriter
from ragkeeper.retrieval.switching import Generation, SwitchableIndex
from ragkeeper.storage.sql.database import Database

_log = structlog.get_logger()

_PAGE = 5000
_VERSIONS = 1000  # asked for in one statement


@dataclass(frozen=True, slots=True)
class IndexGap:
    """How the index differs from the truth, by version.

    missing: those with chunks that the index lacks; unembedded: those with stored vectors that it lacks; orphans: those
    that it holds but the truth does not.
    """

    missing: frozenset[str]
    unembedded: frozenset[str]
    orphans: frozenset[str]

    @property
    def closed(self) -> bool:
        return not self.missing and not self.unembedded and not self.orphans


class Reconciler:
    """Run with the outbox drained: rows that wait are not gaps."""

    def __init__(self, database: Database, index: SwitchableIndex, writer: OutboxWriter, drain: OutboxDrain) -> None:
        self._database = database
        self._index = index
        self._writer = writer
        self._drain = drain

    async def backlog(self) -> tuple[int, datetime | None]:
        """How many changes wait for the index, and since when the oldest does."""
        async with self._database.read() as sql:
            return await repository.outbox_backlog(sql)

    async def compare(self, generation: Generation | None = None) -> IndexGap:
        """Read-only. generation: one that writes go to; default: the one that serves."""
        generation = generation or self._index.serving
        missing: set[str] = set()
        orphans: set[str] = set()
        after = 0
        while True:
            held, expected, after = await self._page(generation, after)
            missing |= {version for chunk, version in expected.items() if held.get(chunk) != version}
            orphans |= {version for chunk, version in held.items() if chunk not in expected}
            if not held and not expected:
                break
        return IndexGap(frozenset(missing), frozenset(await self._unembedded(generation)), frozenset(orphans))

    async def reconcile(self, generation: Generation | None = None) -> IndexGap:
        """Compare and repair; returns the gap that was found."""
        await self._drain.drain_all()
        gap = await self.compare(generation)
        if gap.closed:
            return gap
        _log.warning("index_gap", missing=len(gap.missing), unembedded=len(gap.unembedded), orphans=len(gap.orphans))
        incomplete = sorted(gap.missing | gap.unembedded)
        ranges = []
        async with self._database.read() as sql:
            for start in range(0, len(incomplete), _VERSIONS):
                ranges += await repository.version_ranges(sql, incomplete[start : start + _VERSIONS])
        async with self._database.write() as sql:
            for version_id in sorted(gap.orphans):
                await self._writer.version_removed(sql, "", version_id)
            missing = [(document, version) for document, version, _, _ in ranges if version in gap.missing]
            await self._writer.words_added(sql, missing)
            await self._writer.vectors_added(sql, ranges)
        await self._drain.drain_all()
        return gap

    async def rebuild(self) -> None:
        """Empty the index and fill it from the truth, without embedding anything again."""
        await self._drain.drain_all()
        await self._index.clear()
        await self.reconcile()

    async def _unembedded(self, generation: Generation) -> set[str]:
        """Versions with vectors in SQL that the index lacks."""
        found: set[str] = set()
        after = 0
        while True:
            async with self._database.read() as sql:
                expected = await repository.current_vector_versions(sql, generation.model, after, _PAGE)
            if not expected:
                return found
            last = expected[-1][0]
            held = await self.vectors_up_to(generation, after, last)
            found |= {version for chunk, version in expected if chunk not in held}
            after = last

    async def vectors_up_to(self, generation: Generation, after: int, last: int) -> set[int]:
        """Chunks above `after`, and at least up to `last`, whose vector the index holds."""
        held: set[int] = set()
        while page := await generation.index.vector_ids(after, _PAGE):
            held.update(page)
            after = page[-1]
            if after >= last:
                break
        return held

    async def _page(self, generation: Generation, after: int) -> tuple[dict[int, str], dict[int, str], int]:
        """Both sides for the same range of chunk ids, and the id up to which both are complete."""
        held = await generation.index.chunk_ids(after, _PAGE)
        async with self._database.read() as sql:
            expected = await repository.current_chunk_versions(sql, after, _PAGE)
        return rules.aligned(held, expected, after, _PAGE)
