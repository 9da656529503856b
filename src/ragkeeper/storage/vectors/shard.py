"""One shard of the embedded engine: our words in, the engine's requests out.

Everything here blocks and belongs to one thread: the engine keeps the interpreter's lock during a call, so a second
thread would only wait. Callers keep writes small for the same reason.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from qdrant_edge import (
    AcornSearchParams,
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeOptimizersConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    FieldCondition,
    Filter,
    HasIdCondition,
    HasVectorCondition,
    HnswIndexConfig,
    KeywordIndexParams,
    MatchAny,
    Memory,
    Modifier,
    Point,
    PointVectors,
    QuantizationSearchParams,
    Query,
    QueryBatchRequest,
    QueryRequest,
    ScalarQuantizationConfig,
    ScalarType,
    ScoredPoint,
    ScrollRequest,
    SearchParams,
    SparseVector,
    UpdateOperation,
)

from ragkeeper.storage.vectors.errors import IndexFailed, IndexInUse, IndexUnreadable
from ragkeeper.storage.vectors.layout import sync
from ragkeeper.storage.vectors.metadata import tag, tags
from ragkeeper.storage.vectors.port import Candidate, IndexCounts, IndexFilter, IndexQuery, VectorEntry, WordsEntry
from ragkeeper.storage.vectors.words import WordEncoder

COLLECTION: Final = "collection_id"
DOCUMENT: Final = "document_id"
VERSION: Final = "version_id"
_DENSE: Final = "dense"
_WORDS: Final = "words"
_NamedVector = list[float] | SparseVector | list[list[float]]  # one vector, in any form the engine takes
_METADATA: Final = "metadata"

_EXACT: Final = SearchParams(exact=True, quantization=QuantizationSearchParams(ignore=True))
_SCAN_AT_MOST: Final = 5_000  # vectors under a narrow filter: scanning them exactly takes 2 ms, the graph no less
_GRAPH_BREADTH: Final = 100
_SHORTLIST: Final = 64  # int8 candidates that are rescored exactly: below this, recall@10 falls under .99


def _config(dimension: int) -> EdgeConfig:
    """int8 codes, graph and postings in memory; full vectors (for rescoring) and payload in the disk's page cache."""
    return EdgeConfig(
        vectors={
            _DENSE: EdgeVectorParams(
                size=dimension,
                distance=Distance.Cosine,
                memory=Memory.Cold,
                quantization_config=ScalarQuantizationConfig(ScalarType.Int8, memory=Memory.Pinned),
                # A low threshold (KB) gives every larger collection links of its own: a search in three of ten
                # collections finds .998 of the ten nearest; with the engine's default of 10,000 it found .85.
                hnsw_config=HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=1_000),
            )
        },
        sparse_vectors={_WORDS: EdgeSparseVectorParams(modifier=Modifier.Idf, memory=Memory.Pinned)},
        optimizers=EdgeOptimizersConfig(indexing_threshold=2_000, default_segment_number=2),
        payload_memory=Memory.Cold,
    )


class Shard:
    def __init__(self, path: Path, edge: EdgeShard, encoder: WordEncoder) -> None:
        self._path = path
        self._edge = edge
        self._encoder = encoder

    @classmethod
    def create(cls, path: Path, dimension: int, encoder: WordEncoder) -> Self:
        shard = cls(path, EdgeShard.create(str(path), _config(dimension)), encoder)
        # Only collections are large enough for links of their own in the graph; the rest is scanned.
        for name, linked in ((COLLECTION, True), (DOCUMENT, False), (VERSION, False), (_METADATA, False)):
            index = KeywordIndexParams(enable_hnsw=linked, memory=Memory.Cached)
            shard.apply(UpdateOperation.create_field_index(name, index))
        shard.flush()
        return shard

    @classmethod
    def load(cls, path: Path, encoder: WordEncoder) -> Self:
        """IndexInUse, IndexUnreadable."""
        try:
            return cls(path, EdgeShard.load(str(path)), encoder)
        except Exception as error:  # the engine raises nothing narrower
            if "WouldBlock" in str(error):
                raise IndexInUse(path=path.parent) from error
            raise IndexUnreadable(path=path.parent, reason=error) from error

    def apply(self, operation: UpdateOperation) -> None:
        with _translated():
            self._edge.update(operation)

    def words_operation(self, entries: Sequence[WordsEntry]) -> UpdateOperation:
        """One upsert. A point is replaced as a whole, so the vector that it has goes along."""
        present = self._edge.retrieve([entry.chunk_id for entry in entries], False, [_DENSE])
        dense = {record.id: record.vector for record in present if isinstance(record.vector, dict)}
        return UpdateOperation.upsert_points([self._point(entry, dense.get(entry.chunk_id, {})) for entry in entries])

    def whole_operation(self, entries: Sequence[tuple[WordsEntry, NDArray[np.float32] | None]]) -> UpdateOperation:
        """One upsert of words and vectors together; whatever was there is replaced."""
        return UpdateOperation.upsert_points(
            [self._point(entry, {} if vector is None else {_DENSE: vector.tolist()}) for entry, vector in entries]
        )

    def vectors_operation(self, entries: Sequence[VectorEntry]) -> tuple[UpdateOperation, int]:
        """(the update, how many chunks of it are known): the engine would stop in the middle at an unknown one."""
        known = {record.id for record in self._edge.retrieve([entry.chunk_id for entry in entries], False, False)}
        vectors = [
            PointVectors(one.chunk_id, {_DENSE: one.vector.tolist()}) for one in entries if one.chunk_id in known
        ]
        return UpdateOperation.update_vectors(vectors), len(vectors)

    def search(self, query: IndexQuery) -> list[Candidate]:
        where = _engine_filter(query.where)
        words = self._encoder.query(query.text) if query.text is not None else None
        dense_found, words_found = self._best(query, words, where)
        return self._completed(query, words, dense_found, words_found)

    def count(self) -> IndexCounts:
        with_vectors = CountRequest(filter=Filter(must=[HasVectorCondition(_DENSE)]))
        with _translated():
            return IndexCounts(points=self._edge.count(CountRequest()), with_vectors=self._edge.count(with_vectors))

    def dead(self) -> int:
        """Entries that are gone for every search but still take memory and disk: what the engine holds without them."""
        with _translated():
            info = self._edge.info()
        # By this name the engine counts one entry for each point that it holds, dead or alive.
        return max(info.indexed_vectors_count - info.points_count, 0)

    def chunk_ids(self, after: int, limit: int) -> list[tuple[int, str]]:
        with _translated():
            records, _ = self._edge.scroll(ScrollRequest(offset=after + 1, limit=limit, with_payload=[VERSION]))
        return [(int(record.id), str((record.payload or {}).get(VERSION, ""))) for record in records]

    def vector_ids(self, after: int, limit: int) -> list[int]:
        with_vector = Filter(must=[HasVectorCondition(_DENSE)])
        with _translated():
            records, _ = self._edge.scroll(
                ScrollRequest(offset=after + 1, limit=limit, filter=with_vector, with_payload=False)
            )
        return [int(record.id) for record in records]

    def flush(self) -> None:
        """Write every segment to the disk; see `sync_log` for the cheap way to durability."""
        with _translated():
            self._edge.flush()

    def optimize(self) -> None:
        """Blocks for minutes on a large shard: only in a process of its own."""
        with _translated():
            self._edge.optimize()

    def sync_log(self) -> None:
        """Make every applied operation durable: the engine replays its log when it loads. May run in any thread."""
        with _translated():
            for file in (self._path / "wal").iterdir():
                sync(file)
            sync(self._path / "wal")

    def close(self) -> None:
        with _translated():
            self._edge.close()

    def _point(self, entry: WordsEntry, other_vectors: Mapping[str, _NamedVector]) -> Point:
        vectors = {**other_vectors, _WORDS: self._encoder.document(entry.text)}
        payload = {
            COLLECTION: entry.collection_id,
            DOCUMENT: entry.document_id,
            VERSION: entry.version_id,
            _METADATA: tags(entry.metadata),
        }
        return Point(entry.chunk_id, vectors, payload)

    def _best(
        self, query: IndexQuery, words: SparseVector | None, where: Filter
    ) -> tuple[dict[int, float], dict[int, float]]:
        """The best `limit` of each engine that was asked: (chunk id to cosine, chunk id to BM25)."""
        requests = []
        if query.vector is not None:
            requests.append(_dense_request(query.vector, query.limit, where, self._effort(query, where)))
        if words is not None:
            requests.append(_words_request(words, query.limit, where))
        found = [_scores(points) for points in self._query(requests)]
        dense_found = found.pop(0) if query.vector is not None else {}
        return dense_found, found.pop() if words is not None else {}

    def _completed(
        self,
        query: IndexQuery,
        words: SparseVector | None,
        dense_found: Mapping[int, float],
        words_found: Mapping[int, float],
    ) -> list[Candidate]:
        """Every candidate with both scores: what one engine did not return is asked of it by id."""
        dense, lexical = dict(dense_found), dict(words_found)
        requests = []
        if query.vector is not None and (lacking := lexical.keys() - dense.keys()):
            requests.append((dense, _dense_request(query.vector, len(lacking), _only(lacking), _EXACT)))
        if words is not None and (lacking := dense_found.keys() - lexical.keys()):
            requests.append((lexical, _words_request(words, len(lacking), _only(lacking))))
        for scores, found in zip(requests, self._query([request for _, request in requests]), strict=True):
            scores[0].update(_scores(found))
        without_words = None if query.text is None else 0.0
        union = dense_found.keys() | words_found.keys()
        return [Candidate(one, dense.get(one), lexical.get(one, without_words)) for one in union]

    def _effort(self, query: IndexQuery, where: Filter) -> SearchParams:
        """Only collections have links in the graph: other conditions need a scan, or a search that steps over them."""
        narrowed = query.where.document_ids is not None or bool(query.where.metadata)
        if narrowed and self._edge.count(CountRequest(exact=False, filter=where)) <= _SCAN_AT_MOST:
            return _EXACT
        return SearchParams(
            hnsw_ef=max(query.limit, _GRAPH_BREADTH),
            quantization=QuantizationSearchParams(rescore=True, oversampling=max(1.0, _SHORTLIST / query.limit)),
            acorn=AcornSearchParams(enable=narrowed),
        )

    def _query(self, requests: list[QueryRequest]) -> list[list[ScoredPoint]]:
        with _translated():
            return self._edge.query_batch(QueryBatchRequest(requests)) if requests else []


@contextmanager
def _translated() -> Iterator[None]:
    """Whatever the engine says as IndexFailed; on damaged files it panics, which Python shows outside Exception."""
    try:
        yield
    except Exception as error:  # the engine raises nothing narrower
        raise IndexFailed(reason=error) from error
    except BaseException as error:  # a panic of the engine is no Exception
        if type(error).__name__ != "PanicException":
            raise
        raise IndexFailed(reason=f"the engine broke off: {error}") from error


def removal(field: str, ids: Collection[str]) -> UpdateOperation:
    return UpdateOperation.delete_points_by_filter(Filter(must=[_any_of(field, ids)]))


def _engine_filter(where: IndexFilter) -> Filter:
    conditions = [_any_of(COLLECTION, where.collection_ids)]
    if where.document_ids is not None:
        conditions.append(_any_of(DOCUMENT, where.document_ids))
    for name, value in where.metadata.items():
        wanted = tag(name, value)
        conditions.append(_any_of(_METADATA, () if wanted is None else (wanted,)))
    return Filter(must=list(conditions))


def _any_of(field: str, values: Iterable[str]) -> FieldCondition:
    """A field that equals one of these; no values match nothing."""
    return FieldCondition(field, match=MatchAny(list(values)))


def _only(chunk_ids: Collection[int]) -> Filter:
    return Filter(must=[HasIdCondition(set(chunk_ids))])


def _dense_request(vector: NDArray[np.float32], limit: int, where: Filter, params: SearchParams) -> QueryRequest:
    nearest = Query.Nearest(vector.tolist(), using=_DENSE)
    return QueryRequest(limit, query=nearest, filter=where, params=params)


def _words_request(words: SparseVector, limit: int, where: Filter) -> QueryRequest:
    return QueryRequest(limit, query=Query.Nearest(words, using=_WORDS), filter=where)


def _scores(points: Iterable[ScoredPoint]) -> dict[int, float]:
    return {int(point.id): point.score for point in points}
