"""The index as searches ask it: while it is away, the truth answers by words."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from ragkeeper.core.errors import RagkeeperError, Unavailable
from ragkeeper.retrieval.fallback import repository, rules
from ragkeeper.retrieval.fallback.gate import IndexGate
from ragkeeper.retrieval.fallback.models import IndexTrouble
from ragkeeper.retrieval.fallback.ports import SearchedIndex
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.vectors.errors import INDEX_AWAY
from ragkeeper.storage.vectors.port import Candidate, IndexFilter, IndexQuery

_log = structlog.get_logger()

# An index that answers later than this is as good as away.
_SECONDS = 10.0


class IndexSilent(Unavailable):
    """The search index did not answer within {seconds:g} seconds."""

    code = "index_silent"
    fix = "Searches go on by words. Look for a machine without memory, or a disk or an index server that hangs."


@dataclass(frozen=True, slots=True)
class Searched:
    """in_sql: SQL was asked in the place of the index; note: what to tell of that, to anybody."""

    candidates: Sequence[Candidate]
    in_sql: bool = False
    note: str = ""


class FallbackSearch:
    """Answers every query: from the index, or with the words of the query from SQL."""

    def __init__(
        self, index: SearchedIndex, database: Database, gate: IndexGate | None = None, seconds: float = _SECONDS
    ) -> None:
        self._index = index
        self._database = database
        self._gate = gate or IndexGate()
        self._seconds = seconds

    @property
    def trouble(self) -> IndexTrouble | None:
        return self._gate.trouble

    async def search(self, query: IndexQuery, words: str) -> Searched:
        """words: what is looked for in SQL, also where the index is asked for a vector alone."""
        if self._gate.admits():
            found = await self._ask_index(query)
            if found is not None:
                return Searched(found)
        code = self._gate.trouble.code if self._gate.trouble else "index_failed"
        note = f"the search index is away ({code}): searched by words in the database"
        return Searched(await self._ask_sql(words, query.where, query.limit), in_sql=True, note=note)

    async def try_index(self) -> None:
        """See whether it is back, for a server that nobody asks at the moment."""
        if self._gate.admits():
            await self._ask_index(IndexQuery("is it there", None, IndexFilter(frozenset({"none"})), 1))

    async def _ask_index(self, query: IndexQuery) -> list[Candidate] | None:
        try:
            async with asyncio.timeout(self._seconds):
                found = await self._index.search(query)
        except INDEX_AWAY as error:
            self._failed(error)
        except TimeoutError:
            self._failed(IndexSilent(seconds=self._seconds))
        else:
            self._gate.worked()
            return found
        return None

    def _failed(self, error: RagkeeperError) -> None:
        if self._gate.trouble is None:
            _log.warning("FALLBACK ACTIVATED", part="index", code=error.code, reason=error.message)
        self._gate.failed(error)

    async def _ask_sql(self, words: str, where: IndexFilter, limit: int) -> list[Candidate]:
        wanted = rules.terms(words)
        if not wanted or where.matches_nothing:
            return []
        async with self._database.read() as sql:
            found = await repository.chunks_with(sql, wanted, where, limit)
        return [Candidate(chunk_id, None, rules.fit(text, wanted)) for chunk_id, text in found]
