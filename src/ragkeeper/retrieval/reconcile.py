"""Close every gap between the truth and the index, whatever made it: through outbox rows, like every other change."""

from dataclasses import dataclass
from datetime import datetime

import structlog

from ragkeeper.retrieval import repository
from ragkeeper.retrieval.outbox import OutboxDrain, OutboxWriter
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.vectors.port import VectorIndex

_log = structlog.get_logger()

_PAGE = 5000


@dataclass(frozen=True, slots=True)
class IndexGap:
    """How the index differs from the truth.

    missing: versions with chunks that the index lacks; orphans: versions it holds but the truth does not;
    vectors_missing: how many stored vectors the index lacks.
    """

    missing: frozenset[str]
    orphans: frozenset[str]
    vectors_missing: int

    @property
    def closed(self) -> bool:
        return not self.missing and not self.orphans and self.vectors_missing <= 0


class Reconciler:
    """Run with the outbox drained: rows that wait are not gaps."""

    def __init__(
        self, database: Database, index: VectorIndex, writer: OutboxWriter, drain: OutboxDrain, model: str
    ) -> None:
        self._database = database
        self._index = index
        self._writer = writer
        self._drain = drain
        self._model = model

    async def backlog(self) -> tuple[int, datetime | None]:
        """How many changes wait for the index, and since when the oldest does."""
        async with self._database.read() as sql:
            return await repository.outbox_backlog(sql)

    async def compare(self) -> IndexGap:
        """Read-only."""
        missing: set[str] = set()
        orphans: set[str] = set()
        after = 0
        while True:
            held, expected, after = await self._page(after)
            missing |= {version for chunk, version in expected.items() if held.get(chunk) != version}
            orphans |= {version for chunk, version in held.items() if chunk not in expected}
            if not held and not expected:
                break
        async with self._database.read() as sql:
            n_vectors = await repository.count_vectors(sql, self._model)
        counts = await self._index.count()
        return IndexGap(frozenset(missing), frozenset(orphans), n_vectors - counts.with_vectors)

    async def reconcile(self) -> IndexGap:
        """Compare and repair; returns the gap that was found."""
        await self._drain.drain_all()
        gap = await self.compare()
        if gap.closed:
            return gap
        _log.warning(
            "index_gap", missing=len(gap.missing), orphans=len(gap.orphans), vectors_missing=gap.vectors_missing
        )
        async with self._database.read() as sql:
            incomplete = gap.missing if gap.vectors_missing <= 0 else await repository.current_versions(sql)
            ranges = await repository.version_ranges(sql, incomplete)
        async with self._database.write() as sql:
            for version_id in sorted(gap.orphans):
                await self._writer.version_removed(sql, "", version_id)
            await self._writer.words_added(sql, [(document, version) for document, version, _, _ in ranges])
            await self._writer.vectors_added(sql, ranges)
        await self._drain.drain_all()
        return gap

    async def rebuild(self) -> None:
        """Empty the index and fill it from the truth, without embedding anything again."""
        await self._drain.drain_all()
        await self._index.clear()
        await self.reconcile()

    async def _page(self, after: int) -> tuple[dict[int, str], dict[int, str], int]:
        """Both sides for the same range of chunk ids, and the id up to which both are complete."""
        held = await self._index.chunk_ids(after, _PAGE)
        async with self._database.read() as sql:
            expected = await repository.current_chunk_versions(sql, after, _PAGE)
        ends = [side[-1][0] for side in (held, expected) if len(side) == _PAGE]
        last = min(ends) if ends else max([chunk for chunk, _ in (*held, *expected)], default=after)
        within = [{chunk: version for chunk, version in side if chunk <= last} for side in (held, expected)]
        return within[0], within[1], last
