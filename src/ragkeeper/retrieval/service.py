"""A question in, confirmed hits out."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import structlog
from numpy.typing import NDArray

from ragkeeper.core.access import Caller
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.metrics import SEARCH_SECONDS, Metrics
from ragkeeper.core.settings import FusionMethod
from ragkeeper.core.telemetry import Stopwatch, observe_stages
from ragkeeper.documents.service import DocumentService
from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.providers.embedding.rules import steady
from ragkeeper.providers.reranking.port import Reranker
from ragkeeper.retrieval import fusion, repository, rules
from ragkeeper.retrieval.errors import QueryEmpty, QueryTooLong
from ragkeeper.retrieval.models import ConfirmedChunk, Hit, Scope, Scores, SearchMode, SearchRequest, SearchResult
from ragkeeper.retrieval.search_cache import SearchCache
from ragkeeper.retrieval.switching import SwitchableIndex
from ragkeeper.retrieval.transforms.port import Plan, QueryTransform
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.vectors.port import Candidate, IndexFilter, IndexQuery

_log = structlog.get_logger()

# Confirmed at once beyond what is asked for: neighbours merge, copies collapse, and some hits may not be confirmed.
_SPARE = 20
_RERANKED = 30
_INCOMPLETE = "the search index is being rebuilt: some passages are not found yet"


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """The settings of every search. candidates: taken from each engine before fusion."""

    top_k: int
    candidates: int
    fusion: FusionMethod
    dense_weight: float
    longest_query: int


class RetrievalService:
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

    async def search(self, caller: Caller, request: SearchRequest) -> SearchResult:
        """Hits best first, each confirmed by SQL: it exists, is current, and `caller` may read it.

        Raises QueryEmpty, QueryTooLong, CollectionUnknown. A transform, embedder or reranker that fails is left out,
        and the result's notes say so.
        """
        self._check(request.query)
        collection_ids = await self._documents.collection_ids(caller, request.collection)
        if self._cache is not None:
            return await self._search_with(self._cache, collection_ids, request)
        return await self._search(collection_ids, request)

    async def scope(self, caller: Caller, collection: str | None) -> Scope | None:
        """What a search of `caller` in this collection (None: in all) sees; None while that is changing.

        Raises CollectionUnknown.
        """
        return await self._scope(await self._documents.collection_ids(caller, collection))

    async def _scope(self, collection_ids: frozenset[str]) -> Scope | None:
        if self._index.incomplete:
            return None
        async with self._database.read() as sql:
            version = await repository.settled_version(sql)
        return None if version is None else Scope(collection_ids, version, self._index.serving.name)

    async def _search_with(
        self, cache: SearchCache, collection_ids: frozenset[str], request: SearchRequest
    ) -> SearchResult:
        """From the cache where it has exactly what a search would find now; else a search, which the cache then has."""
        watch = Stopwatch()
        scope = await self._scope(collection_ids)
        found = await cache.find(cache.key(scope, request)) if scope else None
        if found and await self.all_current({hit.version_id for hit in found.hits}, collection_ids):
            cache.counted(hit=True)
            return replace(found, timings_ms=watch.timings())
        cache.counted(hit=False)
        result = await self._search(collection_ids, request)
        # What changed meanwhile may be in the result, or not.
        if scope and await self._scope(collection_ids) == scope:
            await cache.keep(cache.key(scope, request), result)
        return result

    async def _search(self, collection_ids: frozenset[str], request: SearchRequest) -> SearchResult:
        watch = Stopwatch()
        notes = [_INCOMPLETE] if self._index.incomplete else []
        plan = await self._plan(request, watch, notes)
        where = IndexFilter(collection_ids, metadata=request.metadata)
        top_k = request.top_k or self._options.top_k
        limit = max(self._options.candidates, top_k)
        candidates, fused = await self._candidates(plan, request.mode, where, limit, watch, notes)
        with watch.stage("confirm"):
            hits = await self._confirmed(candidates, fused, collection_ids, top_k)
        hits = await self._rerank(plan.queries[0], hits, watch, notes)
        observe_stages(self._metrics, watch.stages)
        self._metrics.observe(SEARCH_SECONDS, watch.stages["search"] / 1000, mode=request.mode.value)
        return SearchResult(tuple(hits[:top_k]), plan.queries, watch.timings(), tuple(notes))

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
            if changed != plan:
                watch.add("rewrite", (time.perf_counter() - began) * 1000)
            plan = changed
        return plan

    async def _candidates(
        self, plan: Plan, mode: SearchMode, where: IndexFilter, limit: int, watch: Stopwatch, notes: list[str]
    ) -> tuple[dict[int, Candidate], fusion.Fused]:
        found: dict[int, Candidate] = {}
        rounds = []
        for number, query in enumerate(plan.queries):
            embedder = steady(self._embedder)
            vector = await self._vector(embedder, query, plan.passages if number == 0 else (), mode, watch, notes)
            text = None if mode is SearchMode.DENSE and vector is not None else query
            with watch.stage("search"):
                candidates = await self._index.search(IndexQuery(text, vector, where, limit, embedder.name))
            with watch.stage("fuse"):
                rounds.append(self._fuse(candidates, text, vector))
            found |= {candidate.chunk_id: candidate for candidate in candidates if candidate.chunk_id not in found}
        return found, fusion.combined(rounds)

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
        mean: NDArray[np.float32] = np.mean(vectors, axis=0)
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
                ranked = rules.ranked_together(confirmed, fused)
                groups = rules.merge_neighbours(rules.without_near_duplicates(ranked))
        return [_hit(group, candidates) for group in groups[:wanted]]

    async def _rerank(self, query: str, hits: list[Hit], watch: Stopwatch, notes: list[str]) -> list[Hit]:
        if self._reranker is None or not hits:
            return hits
        with watch.stage("rerank"):
            try:
                scores = await self._reranker.score(query, [hit.text for hit in hits])
            except RagkeeperError as error:
                notes.append(f"not reranked: {error.message}")
                return hits
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
        """Run the parts of a search once, so that the first question is not slow."""
        embedder = steady(self._embedder)
        vector = await embedder.embed_query("warm up")
        await self._index.search(IndexQuery("warm up", vector, IndexFilter(frozenset({"none"})), 10, embedder.name))
        async with self._database.read() as sql:
            await repository.confirm(sql, [0], ["none"])
        await self._warm_reranker()

    async def _warm_reranker(self) -> None:
        """One that is away does not keep the server from starting: searches go on without it."""
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
        headings=first.headings,
        start=first.start,
        end=last.end,
        metadata=first.metadata,
        scores=Scores(best.dense, best.lexical, rules.best_score(group)),
    )
