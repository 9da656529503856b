"""Another embedding model: its vectors made beside the ones that serve, what it costs, and what it finds."""

import time
from collections.abc import Callable, Sequence
from itertools import groupby

from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.retrieval import fusion
from ragkeeper.retrieval.embedding import chunk_vectors
from ragkeeper.retrieval.outbox import OutboxWriter
from ragkeeper.retrieval.reindex import repository, rules
from ragkeeper.retrieval.reindex.models import Comparison, Estimate, Judged, Lacking
from ragkeeper.retrieval.switching import Generation
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.vectors.port import IndexFilter, IndexQuery

_BATCH = 64
_SAMPLE = 32
_QUESTIONS = 200
_CANDIDATES = 100


class ModelChange:
    """dense_weight: what searches weigh the vector score with."""

    def __init__(self, database: Database, writer: OutboxWriter, dense_weight: float) -> None:
        self._database = database
        self._writer = writer
        self._dense_weight = dense_weight

    async def embed_lacking(
        self,
        embedder: Embedder,
        told: Callable[[int], None] = lambda _done: None,
        wanted: Callable[[], bool] = lambda: True,
    ) -> int:
        """Vectors for every chunk that has none of this model; returns how many. Goes on where it was broken off.

        wanted: asked before vectors are stored, where nothing is removed at the same time; if not, it ends.

        Raises EmbedderUnavailable, WrongDimension; what was made until then is kept.
        """
        after = done = 0
        while True:
            async with self._database.read() as sql:
                pending = await repository.lacking(sql, embedder.name, after, _BATCH)
            if not pending:
                return done
            vectors = await chunk_vectors(embedder, [chunk.text for chunk in pending])
            async with self._database.write() as sql:
                if not wanted():
                    return done
                stored = await repository.save_vectors(sql, pending, vectors, embedder.name)
                await self._writer.vectors_added(sql, _ranges(stored))
            self._writer.wake()
            after, done = pending[-1].id, done + len(pending)
            told(done)

    async def estimate(self, embedder: Embedder) -> Estimate:
        """Measured on a few chunks, which are embedded for nothing."""
        async with self._database.read() as sql:
            n_chunks, _ = await repository.expected(sql, embedder.name)
            lacking = await repository.count_lacking(sql, embedder.name)
            sample = await repository.lacking(sql, embedder.name, 0, _SAMPLE)
        began = time.monotonic()
        await chunk_vectors(embedder, [chunk.text for chunk in sample])
        rate = len(sample) / max(time.monotonic() - began, 1e-6) if sample else 0.0
        return Estimate(
            model=embedder.name,
            chunks=n_chunks,
            to_embed=lacking,
            per_second=round(rate, 1),
            seconds=round(lacking / rate, 1) if rate else 0.0,
            megabytes=round(rules.needed_mb(n_chunks, embedder.dimension, lacking), 1),
        )

    async def compare(
        self, before: tuple[Embedder, Generation], after: tuple[Embedder, Generation], golden: Sequence[Judged]
    ) -> Comparison:
        """What both find for the same questions: judged ones if there are any, else asked ones, else titles."""
        queries, source = await self._questions(golden)
        shares: list[float] = []
        gains: list[tuple[float, float]] = []
        async with self._database.read() as sql:
            where = IndexFilter(await repository.collection_ids(sql))
        for number, query in enumerate(queries):
            old, new = [await self._best(*side, query, where) for side in (before, after)]
            shares.append(rules.overlap(old, new))
            if golden:
                grades = golden[number].grades
                first, second = [rules.ndcg(await self._documents(ids), grades) for ids in (old, new)]
                gains.append((first, second))
        means = [round(sum(side) / len(gains), 4) for side in zip(*gains, strict=True)] if gains else [None, None]
        overlap = round(sum(shares) / len(shares), 4) if shares else 1.0
        return Comparison(len(queries), source, overlap, *means)

    async def _questions(self, golden: Sequence[Judged]) -> tuple[list[str], str]:
        if golden:
            return [one.query for one in golden], "judged questions"
        async with self._database.read() as sql:
            asked = await repository.questions(sql, _QUESTIONS)
            return (
                (asked, "questions that were asked")
                if asked
                else (
                    await repository.titles(sql, _QUESTIONS),
                    "titles of documents",
                )
            )

    async def _best(self, embedder: Embedder, generation: Generation, query: str, where: IndexFilter) -> list[int]:
        """Chunks, best first, as a search with both engines finds them."""
        vector = await embedder.embed_query(query)
        asked = IndexQuery(query, vector, where, _CANDIDATES, embedder.name)
        fused = fusion.weighted(await generation.index.search(asked), self._dense_weight)
        return fusion.ranked(fused.scores)

    async def _documents(self, chunk_ids: Sequence[int]) -> list[str]:
        """Names of their documents, each once, in the order of their best chunks."""
        async with self._database.read() as sql:
            names = await repository.document_names(sql, chunk_ids)
        return list(dict.fromkeys(names[chunk] for chunk in chunk_ids if chunk in names))


def _ranges(stored: Sequence[Lacking]) -> list[tuple[str, str, int, int]]:
    """(document id, version id, first, last chunk id) of each run of one version."""
    runs = []
    for (document, version), group in groupby(stored, key=lambda chunk: (chunk.document_id, chunk.version_id)):
        ids = [chunk.id for chunk in group]
        runs.append((document, version, ids[0], ids[-1]))
    return runs
