"""Answers kept for equal questions of the same access to the same documents.

An answer is given again only while nothing that its searches saw has changed: the documents' version stands in its key.
And as a hit is not an answer until the truth confirms it, SQL is asked about every version it was made from each time.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from pydantic import TypeAdapter, ValidationError

from ragkeeper.answers.models import AnswerMode, AnswerResult, Question
from ragkeeper.answers.similar import SimilarQuestions
from ragkeeper.core.access import Caller
from ragkeeper.core.telemetry import Stopwatch
from ragkeeper.retrieval.models import Scope
from ragkeeper.retrieval.search_cache import digest
from ragkeeper.retrieval.service import RetrievalService
from ragkeeper.storage.cache.port import Cache, CacheKind, CacheTally

_STORED = TypeAdapter(AnswerResult)
# As an object an answer takes about as much again, three times that with much that is not Latin.
_REMEMBERED_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where the answer to one question of one caller is kept, for as long as its scope stays the same.

    text: the question. family: where the questions are kept that were asked in this scope and no conversation; None for
    a question in one, which other words may change.
    """

    scope: Scope
    key: str
    text: str
    family: str | None


class AnswerCache:
    """settings: a digest of what changes answers and is not in a question; seconds: how long an answer is kept.

    best: the mode of an answer in whose making everything worked; others are not kept. similar: finds questions that
    were asked in other words; None: only equal ones are answered again.
    """

    def __init__(
        self,
        cache: Cache,
        tally: CacheTally,
        retrieval: RetrievalService,
        settings: str,
        seconds: float,
        best: AnswerMode,
        similar: SimilarQuestions | None = None,
    ) -> None:
        self._cache = cache
        self._tally = tally
        self._retrieval = retrieval
        self._settings = settings
        self._seconds = seconds
        self._best = best
        self._similar = similar

    async def place(self, caller: Caller, question: Question) -> Place | None:
        """None while documents are being taken in, and for who may read none: there is nothing to keep answers of.

        Raises CollectionUnknown.
        """
        scope = await self._retrieval.scope(caller, question.collection)
        if scope is None:
            return None
        how = {"top_k": question.top_k, "mode": question.mode.value}
        turns = [[turn.role, turn.content] for turn in question.history]
        text = question.text.strip()
        key = digest(scope, self._settings, {**how, "question": text, "history": turns})
        return Place(scope, key, text, None if turns else digest(scope, self._settings, how))

    async def recall(self, place: Place | None) -> AnswerResult | None:
        """The answer that is kept there, if every version it was made from may still be shown to this caller."""
        watch = Stopwatch()
        found = await self._find(place, place.key) if place else None
        self._tally.count(CacheKind.ANSWER, hit=found is not None)
        if found is None and place and place.family and self._similar:
            key = await self._similar.find(place.family, place.text)
            found = await self._find(place, key) if key else None
            self._tally.count(CacheKind.SEMANTIC, hit=found is not None)
        watch.traced("recall")
        return replace(found, timings_ms=watch.timings()) if found else None

    async def keep(self, place: Place | None, caller: Caller, question: Question, result: AnswerResult) -> None:
        """Unless something was left out on the way, or anything changed since the place was looked up."""
        whole = not result.notes and (result.mode is self._best or not result.sources)
        if not place or not whole or await self._retrieval.scope(caller, question.collection) != place.scope:
            return
        await self._cache.set(CacheKind.ANSWER, place.key, _STORED.dump_json(result), self._seconds)
        if self._similar and place.family:
            await self._similar.add(place.family, place.text, place.key, self._seconds)
        # A deletion that came between empties the cache, perhaps before this was in it.
        if await self._retrieval.scope(caller, question.collection) != place.scope:
            await self._cache.delete(CacheKind.ANSWER, place.key)

    async def _find(self, place: Place, key: str) -> AnswerResult | None:
        entry = await self._cache.get(CacheKind.ANSWER, key)
        if entry is None:
            return None
        try:
            stored = _decoded(entry.value)
        except ValidationError:
            return None  # whoever wrote that: it is no result
        versions = {hit.version_id for hit in stored.sources}
        if not await self._retrieval.all_current(versions, place.scope.collection_ids):
            return None
        return replace(stored, cached_seconds=round(entry.age, 3))


def _decoded(value: bytes) -> AnswerResult:
    """Raises ValidationError."""
    return _remembered(value) if len(value) <= _REMEMBERED_BYTES else _STORED.validate_json(value)


# The answers given last: reading one out of its JSON takes as long as asking SQL whether it still holds.
@lru_cache(maxsize=64)
def _remembered(value: bytes) -> AnswerResult:
    return _STORED.validate_json(value)
