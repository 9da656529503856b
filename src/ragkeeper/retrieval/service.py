"""A question in, confirmed hits out."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import structlog
from numpy.typing import NDArray

from ragkeeper.core.access import Caller
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.foreground import Foreground
from ragkeeper.core.metrics import SEARCH_SECONDS, Metrics
from ragkeeper.core.settings import FusionMethod
from ragkeeper.core.telemetry import Stopwatch, observe_stages
from ragkeeper.documents.service import DocumentService
from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.providers.embedding.rules import steady
from ragkeeper.providers.reranking.port import Reranker
from ragkeeper.retrieval import fusion, repository, rules
from ragkeeper.retrieval.errors import QueryEmpty, QueryTooLong
from ragkeeper.retrieval.fallback.models import IndexTrouble
from ragkeeper.retrieval.fallback.service import FallbackSearch
from ragkeeper.retrieval.models import (
    IN_SQL,
    ConfirmedChunk,
    Hit,
    Scope,
    Scores,
    SearchMode,
    SearchRequest,
    SearchResult,
)
from ragkeeper.retrieval.search_cache import SearchCache
from ragkeeper.retrieval.switching import SwitchableIndex
from ragkeeper.retrieval.transforms.port import Plan, QueryTransform
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.vectors.port import Candidate, IndexFilter, IndexQuery

_log = structlog.get_logger()

# Confirmed at once beyond what is asked for: neighbours merge, copies collapse, and some hits may not be confirmed.
_SPARE = 20
_RERANKED = 30
# What a failed reranking says holds for so many seconds: a server that nobody asks would show it for ever.
_REMEMBERED = 60.0
_INCOMPLETE = "the search index is being rebuilt: some passages are not found yet"


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """The settings of every search. candidates: taken from each engine before fusion."""

    top_k: int
    candidates: int
    fusion: FusionMethod
    dense_weight: float
    longest_query: int


@dataclass(frozen=True, slots=True)
class _Found:
    """Candidates by chunk, their fused scores, and what was searched by."""

    candidates: Mapping[int, Candidate]
    fused: fusion.Fused
    mode: str


class RetrievalService:
    """restrained: whether searches are held to less than they could at this moment: no reranking, no cache."""

    def __init__(
        self,
        database: Database,
        index: SwitchableIndex,
        embedder: Embedder,
        documents: DocumentService,
        options: SearchOptions,
        transforms: Sequence[QueryTransform] = (),
        reranker: Reranker | None = None,
        *,
        metrics: Metrics | None = None,
        cache: SearchCache | None = None,
        foreground: Foreground | None = None,
        restrained: Callable[[], bool] = lambda: False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._index = index
        self._embedder = embedder
        self._documents = documents
        self._options = options
        self._transforms = transforms
        self._reranker = reranker
        self._metrics = metrics or Metrics()
        self._cache = cache
        self._foreground = foreground or Foreground()
        self._restrained = restrained
        self._fallback = FallbackSearch(index, database)
        self._monotonic = monotonic
        self._reranking_failed: tuple[RagkeeperError, float] | None = None

    @property
    def index_trouble(self) -> IndexTrouble | None:
        """Why searches do not all reach the index; None while they do."""
        return self._fallback.trouble

    @property
    def reranker_trouble(self) -> RagkeeperError | None:
        """Why the newest reranking failed; None when it did not, and when that is too long ago to say how it is now."""
        if self._reranking_failed is None or self._monotonic() - self._reranking_failed[1] >= _REMEMBERED:
            return None
        return self._reranking_failed[0]

    async def try_index(self) -> None:
        """See whether an index in trouble is back."""
        await self._fallback.try_index()

    async def search(self, caller: Caller, request: SearchRequest) -> SearchResult:
        """Hits best first, each confirmed by SQL: it exists, is current, and `caller` may read it.

        Raises QueryEmpty, QueryTooLong, CollectionUnknown. A transform, embedder or reranker that fails is left out,
        an index that does is replaced by the words in SQL; the result's notes say so.
        """
        self._check(request.query)
        with self._foreground.waiting():
            if self._cache is not None and not self._restrained():
                return await self._search_with(self._cache, caller, request)
            return await self._search(await self._documents.collection_ids(caller, request.collection), request)

    async def scope(self, caller: Caller, collection: str | None) -> Scope | None:
        """What a search of `caller` in this collection (None: in all) sees; None: nothing, or that is changing.

        Raises CollectionUnknown.
        """
        return (await self._readable(caller, collection))[1]

    async def _readable(self, caller: Caller, collection: str | None) -> tuple[frozenset[str], Scope | None]:
        """The collections' ids, and the scope of a search in them."""
        incomplete = self._index.incomplete
        found, values = await self._documents.collection_ids_and(caller, collection, repository.SETTLED)
        version = None if incomplete or values is None else repository.settled(*values)
        return found, self._scope_at(found, version)

    def _scope_at(self, collection_ids: frozenset[str], version: str | None) -> Scope | None:
        return None if version is None else Scope(collection_ids, version, self._index.serving.name)

    async def _version(self) -> str | None:
        """Of what searches find; None while that is changing."""
        if self._index.incomplete:
            return None
        async with self._database.read() as sql:
            return await repository.settled_version(sql)

    async def _search_with(self, cache: SearchCache, caller: Caller, request: SearchRequest) -> SearchResult:
        """From the cache where it has exactly what a search would find now; else a search, which the cache then has."""
        watch = Stopwatch()
        collection_ids, scope = await self._readable(caller, request.collection)
        found = await cache.find(cache.key(scope, request)) if scope else None
        known = found and await self.all_current({hit.version_id for hit in found.hits}, collection_ids)
        watch.traced("recall")
        if found and known:
            cache.counted(hit=True)
            return replace(found, timings_ms=watch.timings())
        cache.counted(hit=False)
        result = await self._search(collection_ids, request)
        if scope and not self._restrained():
            await self._keep(cache, scope, request, result)
        return result

    async def _keep(self, cache: SearchCache, scope: Scope, request: SearchRequest, result: SearchResult) -> None:
        # What changed meanwhile may be in the result, or not.
        if not await self._still(scope):
            return
        key = cache.key(scope, request)
        await cache.keep(key, result)
        # A deletion that came between empties the cache, perhaps before this was in it.
        if not await self._still(scope):
            await cache.drop(key)

    async def _still(self, scope: Scope) -> bool:
        return self._scope_at(scope.collection_ids, await self._version()) == scope

    async def _search(self, collection_ids: frozenset[str], request: SearchRequest) -> SearchResult:
        watch = Stopwatch()
        notes = [_INCOMPLETE] if self._index.incomplete else []
        plan = await self._plan(request, watch, notes)
        where = IndexFilter(collection_ids, metadata=request.metadata)
        top_k = request.top_k or self._options.top_k
        limit = max(self._options.candidates, top_k)
        found = await self._candidates(plan, request.mode, where, limit, watch, notes)
        with watch.stage("confirm"):
            confirmed = await self._confirmed(found.candidates, found.fused, collection_ids, top_k)
        # The rest of a request takes the event loop a millisecond: who came meanwhile, a health probe say, goes first.
        await asyncio.sleep(0)
        hits = await self._rerank(plan.queries[0], confirmed, watch, notes)
        observe_stages(self._metrics, watch.stages)
        self._metrics.observe(SEARCH_SECONDS, watch.stages["search"] / 1000, mode=found.mode)
        return SearchResult(
            hits=tuple((confirmed if hits is None else hits)[:top_k]),
            queries=plan.queries,
            timings_ms=watch.timings(),
            notes=tuple(notes),
            mode=found.mode,
            without_reranking=hits is None,
        )

    def _check(self, query: str) -> None:
        if not query.strip():
            raise QueryEmpty
        if len(query) > self._options.longest_query:
            raise QueryTooLong(length=len(query), limit=self._options.longest_query)

    async def _plan(self, request: SearchRequest, watch: Stopwatch, notes: list[str]) -> Plan:
        plan = Plan((request.query.strip(),))
        for transform in self._transforms:
            began = time.perf_counter()
            try:
                changed = await transform.apply(plan, request.history)
            except RagkeeperError as error:
                notes.append(f"{transform.name} was left out: {error.message}")
                continue
            watch.took("rewrite", began, counts=changed != plan)
            plan = changed
        return plan

    async def _candidates(
        self, plan: Plan, mode: SearchMode, where: IndexFilter, limit: int, watch: Stopwatch, notes: list[str]
    ) -> _Found:
        found: dict[int, Candidate] = {}
        rounds: list[fusion.Fused] = []
        modes: set[str] = set()
        for number, query in enumerate(plan.queries):
            embedder = steady(self._embedder)
            vector = await self._vector(embedder, query, plan.passages if number == 0 else (), mode, watch, notes)
            text = None if mode is SearchMode.DENSE and vector is not None else query
            with watch.stage("search"):
                searched = await self._fallback.search(IndexQuery(text, vector, where, limit, embedder.name), query)
            if searched.in_sql:
                text, vector = query, None
                notes += [] if IN_SQL in modes else [searched.note]
            modes.add(IN_SQL if searched.in_sql else rules.searched_by(text, vector is not None))
            with watch.stage("fuse"):
                rounds.append(self._fuse(searched.candidates, text, vector))
            found = {candidate.chunk_id: candidate for candidate in searched.candidates} | found
        return _Found(found, fusion.combined(rounds), IN_SQL if IN_SQL in modes else modes.pop())

    async def _vector(
        self,
        embedder: Embedder,
        query: str,
        passages: Sequence[str],
        mode: SearchMode,
        watch: Stopwatch,
        notes: list[str],
    ) -> NDArray[np.float32] | None:
        if mode is SearchMode.LEXICAL:
            return None
        with watch.stage("embed"):
            try:
                vectors = [await embedder.embed_query(text) for text in (query, *passages)]
            except RagkeeperError as error:
                notes.append(f"searched by words alone: {error.message}")
                return None
        mean: NDArray[np.float32] = vectors[0] if len(vectors) == 1 else np.mean(vectors, axis=0)
        return mean / np.float32(np.linalg.norm(mean) or 1.0)

    def _fuse(
        self, candidates: Sequence[Candidate], text: str | None, vector: NDArray[np.float32] | None
    ) -> fusion.Fused:
        if text is None or vector is None:
            return fusion.single(candidates, dense=text is None)
        if self._options.fusion is FusionMethod.RRF:
            return fusion.reciprocal_rank(candidates)
        return fusion.weighted(candidates, self._options.dense_weight)

    async def _confirmed(
        self,
        candidates: Mapping[int, Candidate],
        fused: fusion.Fused,
        collection_ids: frozenset[str],
        top_k: int,
    ) -> list[Hit]:
        """Enough confirmed chunks for `top_k` results, merged and without copies."""
        waiting = fusion.ranked(fused.scores)
        wanted = max(top_k, _RERANKED if self._reranker else 0)
        size = max(wanted + _SPARE, fusion.TOGETHER)
        confirmed: list[ConfirmedChunk] = []
        groups: list[list[rules.Ranked]] = []
        async with self._database.read() as sql:
            while waiting and len(groups) < wanted:
                batch, waiting = waiting[:size], waiting[size:]
                rows = await repository.confirm(sql, batch, collection_ids)
                confirmed += [rows[chunk_id] for chunk_id in batch if chunk_id in rows]
                groups = rules.grouped(rules.ranked_together(confirmed, fused), wanted)
        return [_hit(group, candidates) for group in groups]

    async def _rerank(self, query: str, hits: list[Hit], watch: Stopwatch, notes: list[str]) -> list[Hit] | None:
        """The hits in the reranker's order; None when there is one and it has not judged them."""
        if self._reranker is None or not hits:
            return hits
        if self._restrained():
            notes.append("not reranked: it is switched off for the moment")
            return None
        with watch.stage("rerank"):
            try:
                scores = await self._reranker.score(query, [hit.text for hit in hits])
            except RagkeeperError as error:
                notes.append(f"not reranked: {error.message}")
                self._reranking_failed = error, self._monotonic()
                return None
        self._reranking_failed = None
        judged = [
            replace(hit, scores=replace(hit.scores, reranked=score)) for hit, score in zip(hits, scores, strict=True)
        ]
        return sorted(judged, key=lambda hit: -hit.score)

    async def still_current(self, version_ids: Sequence[str]) -> set[str]:
        """Those of the versions that may still be shown: asked again before an answer that took long is given."""
        async with self._database.read() as sql:
            return await repository.still_current(sql, version_ids)

    async def all_current(self, version_ids: Collection[str], collection_ids: Collection[str]) -> bool:
        """Whether every one of the versions may be shown to who reads these collections."""
        async with self._database.read() as sql:
            found = await repository.still_current(sql, sorted(version_ids), collection_ids)
        return found == set(version_ids)

    async def warm(self) -> None:
        """Run the parts of a search once, so that the first question is not slow.

        An embedder or a reranker that is away does not keep the server from starting: searches go on without it.
        """
        embedder = steady(self._embedder)
        vector: NDArray[np.float32] | None = None
        try:
            vector = await embedder.embed_query("warm up")
        except RagkeeperError as error:
            _log.warning("embedder_not_warmed", code=error.code, reason=error.message)
        query = IndexQuery("warm up", vector, IndexFilter(frozenset({"none"})), 10, embedder.name)
        await self._fallback.search(query, query.text or "")
        async with self._database.read() as sql:
            await repository.confirm(sql, [0], ["none"])
        await self._warm_reranker()

    async def _warm_reranker(self) -> None:
        if self._reranker is None:
            return
        try:
            await self._reranker.warm()
        except RagkeeperError as error:
            _log.warning("reranker_not_warmed", code=error.code, reason=error.message)


def _hit(group: Sequence[rules.Ranked], candidates: Mapping[int, Candidate]) -> Hit:
    ids = rules.best_first(group)
    first, last = group[0][0], group[-1][0]
    best = candidates[ids[0]]
    return Hit(
        document_id=first.document_id,
        version_id=first.version_id,
        collection=first.collection,
        chunk_ids=ids,
        title=first.title,
        name=first.name,
        text=rules.joined(group),
        page=first.page,
        page_end=last.page_end,
        headings=tuple(first.headings),
        start=first.start,
        end=last.end,
        metadata=first.metadata,
        scores=Scores(best.dense, best.lexical, rules.best_score(group)),
    )
