"""How fast, how small and how exact the embedded search index is.

    python -m bench.index scale [--chunks 100000] [--dimension 384]
    python -m bench.index words

`scale` fills an index with made-up chunks: vectors around 2,000 random centres, 80 words each out of 50,000 by Zipf's
law, ten collections. Searches ask each engine for 100 candidates, under the filters that are named.
CPU per search tells what a busy machine's latencies hide.
Recall is the share of the ten nearest by exact cosine that are among the search's ten nearest.
`words` prints nDCG@10 of BM25 alone on whole documents, for each setting of the index's language.
"""

import argparse
import asyncio
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.conditions import print_conditions
from ragkeeper.storage.vectors.embedded import EmbeddedIndex
from ragkeeper.storage.vectors.port import IndexFilter, IndexQuery, VectorEntry, WordsEntry

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
SETS = ("scifact", "medquad-liveqa", "xquad/en", "xquad/de", "xquad/es")
LANGUAGES = ("auto", "english", "german", "spanish", "none")
BATCH = 256
CANDIDATES = 100
SEARCHES = 400
VOCABULARY = 50_000
COLLECTIONS = [f"c{n}" for n in range(10)]
EVERYWHERE = IndexFilter(frozenset(COLLECTIONS))
WHERE = {
    "all collections": EVERYWHERE,
    "1 of 10 collections": IndexFilter(frozenset(COLLECTIONS[:1])),
    "3 of 10 collections": IndexFilter(frozenset(COLLECTIONS[:3])),
    "1 of 3 by metadata": IndexFilter(frozenset(COLLECTIONS), metadata={"third": 0}),
    "1 of 30 by metadata": IndexFilter(frozenset(COLLECTIONS), metadata={"year": 0}),
}
Floats = NDArray[np.float32]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Corpus:
    """Made-up chunks 1..n: `vectors` (n, dimension) of length 1, `terms` (n, 80) word numbers; and 200 queries."""

    vectors: Floats
    terms: NDArray[np.int64]
    queries: Floats
    query_texts: list[str]

    @classmethod
    def make(cls, chunks: int, dimension: int) -> "Corpus":
        rng = np.random.default_rng(20261120)
        spread = (np.arange(1, dimension + 1) ** -0.43).astype(np.float32)  # like real embeddings: 56 strong directions
        centres = rng.standard_normal((2000, dimension)).astype(np.float32) * spread
        likelihood = 1 / np.arange(1, VOCABULARY + 1)
        likelihood /= likelihood.sum()
        terms = rng.choice(VOCABULARY, size=(chunks, 80), p=likelihood)
        asked = rng.choice(VOCABULARY, size=(200, 8), p=likelihood)
        return cls(
            _around(centres, spread, chunks, rng),
            terms,
            _around(centres, spread, 200, rng),
            [_text(row) for row in asked],
        )

    def words(self, start: int, stop: int) -> list[WordsEntry]:
        return [
            WordsEntry(n, f"v{n // 20}", f"d{n // 20}", COLLECTIONS[n % 10], _text(self.terms[n - 1]), _fields(n))
            for n in range(start, stop)
        ]

    def nearest(self, query: Floats, where: str) -> set[int]:
        """The ids of the ten nearest chunks, exactly."""
        cosines = self.vectors @ query
        cosines[~_allowed(where, len(cosines))] = -2
        return set((np.argsort(-cosines)[:10] + 1).tolist())


def _fields(number: int) -> dict[str, int]:
    return {"year": number % 30, "third": number % 3}


@cache
def _allowed(name: str, chunks: int) -> NDArray[np.bool_]:
    where = WHERE[name]
    fields = (_fields(n).items() for n in range(1, chunks + 1))
    matching = (
        where.metadata.items() <= own and COLLECTIONS[n % 10] in where.collection_ids for n, own in enumerate(fields, 1)
    )
    return np.fromiter(matching, bool, chunks)


def _around(centres: Floats, spread: Floats, count: int, rng: np.random.Generator) -> Floats:
    noise = rng.standard_normal((count, centres.shape[1])).astype(np.float32) * spread
    points = centres[rng.integers(0, len(centres), count)] + 0.7 * noise
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True), np.float32)


def _text(terms: NDArray[np.int64]) -> str:
    return " ".join(f"w{term}x" for term in terms)


async def fill(index: EmbeddedIndex, corpus: Corpus) -> None:
    total = len(corpus.vectors)
    batches = [(start, min(start + BATCH, total + 1)) for start in range(1, total + 1, BATCH)]
    words = [corpus.words(*batch) for batch in batches]
    await timed("put_words", total, _each(index.put_words, words))
    vectors = [[VectorEntry(n, corpus.vectors[n - 1]) for n in range(*batch)] for batch in batches]
    await timed("put_vectors", total, _each(index.put_vectors, vectors))
    started = time.perf_counter()
    await index.flush()
    print(f"flush: {(time.perf_counter() - started) * 1e3:.1f} ms")


async def _each(put: Callable[[Sequence[T]], Awaitable[None]], batches: Sequence[Sequence[T]]) -> None:
    for batch in batches:
        await put(batch)


async def timed(name: str, count: int, work: Awaitable[None]) -> None:
    clock, cpu = time.perf_counter(), time.process_time()
    await work
    clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
    print(f"{name}: {count / clock:,.0f} chunks/s, {cpu / count * 1e6:.0f} us CPU per chunk")


async def optimize(index: EmbeddedIndex, corpus: Corpus) -> None:
    """Optimize while searching once every 20 ms, and tell how long searches took meanwhile."""
    optimizing = asyncio.create_task(index.optimize(force=True))
    started = time.perf_counter()
    taken: list[float] = []
    while not optimizing.done():
        taken.append(await _search_seconds(index, _query(corpus, len(taken), "hybrid", EVERYWHERE)))
        await asyncio.sleep(0.02)
    await optimizing
    print(f"optimize: {time.perf_counter() - started:.1f} s; hybrid searches meanwhile {_milliseconds(taken)}")


def _query(corpus: Corpus, number: int, mode: str, where: IndexFilter, limit: int = CANDIDATES) -> IndexQuery:
    one = number % len(corpus.queries)
    text = None if mode == "dense" else corpus.query_texts[one]
    vector = None if mode == "lexical" else corpus.queries[one]
    return IndexQuery(text, vector, where, limit)


async def _search_seconds(index: EmbeddedIndex, query: IndexQuery) -> float:
    started = time.perf_counter()
    await index.search(query)
    return time.perf_counter() - started


def _milliseconds(seconds: Sequence[float]) -> str:
    cuts = statistics.quantiles(seconds, n=20)
    return f"p50 {cuts[9] * 1e3:.2f}, p95 {cuts[18] * 1e3:.2f}, max {max(seconds) * 1e3:.1f} ms"


async def report_searches(index: EmbeddedIndex, corpus: Corpus) -> None:
    for mode in ("dense", "lexical", "hybrid"):
        for clients in (1, 8):
            print(f"  {mode}, {clients} at once: {await _load(index, corpus, mode, EVERYWHERE, clients)}")
    for name, where in WHERE.items():
        print(f"  hybrid, {name}: {await _load(index, corpus, 'hybrid', where, 1)}")
        print(f"  recall@10, {name}: " + ", ".join([await _recall(index, corpus, name, limit) for limit in (10, 100)]))


async def _load(index: EmbeddedIndex, corpus: Corpus, mode: str, where: IndexFilter, clients: int) -> str:
    for number in range(20):  # the first searches read files into memory
        await index.search(_query(corpus, number, mode, where))
    numbers, taken = iter(range(SEARCHES)), list[float]()

    async def client() -> None:
        taken.extend([await _search_seconds(index, _query(corpus, one, mode, where)) for one in numbers])

    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client() for _ in range(clients)))
    rate, cpu = SEARCHES / (time.perf_counter() - started), (time.process_time() - cpu) / SEARCHES
    return f"{_milliseconds(taken)}, {rate:.0f}/s, CPU {cpu * 1e3:.2f} ms"


async def _recall(index: EmbeddedIndex, corpus: Corpus, name: str, limit: int) -> str:
    shares = []
    for number, vector in enumerate(corpus.queries):
        found = await index.search(_query(corpus, number, "dense", WHERE[name], limit))
        best = sorted(found, key=lambda one: -(one.dense or 0))[:10]
        shares.append(len(corpus.nearest(vector, name) & {one.chunk_id for one in best}) / 10)
    return f"{statistics.mean(shares):.4f} of {limit} candidates"


async def scale(chunks: int, dimension: int) -> None:
    print(f"{chunks:,} chunks x {dimension}, {CANDIDATES} candidates per engine")
    corpus = Corpus.make(chunks, dimension)
    with tempfile.TemporaryDirectory() as folder:
        index = await EmbeddedIndex.open(Path(folder), dimension)
        await fill(index, corpus)
        print("before optimizing:")
        print(f"  hybrid, all collections: {await _load(index, corpus, 'hybrid', EVERYWHERE, 1)}")
        await optimize(index, corpus)
        print("optimized:")
        await report_searches(index, corpus)
        await index.close()
        report_size(folder, dimension)


def report_size(folder: str, dimension: int) -> None:
    size = sum(file.stat().st_blocks * 512 for file in Path(folder).rglob("*"))
    print(f"on disk: {size / 2**20:.0f} MB", flush=True)
    subprocess.run([sys.executable, "-m", "bench.index", "resident", folder, str(dimension)], check=True)


async def resident(folder: Path, dimension: int) -> None:
    """In a process of its own: how long opening takes, and what the index adds to the process's memory."""
    before = _memory()
    started = time.perf_counter()
    index = await EmbeddedIndex.open(folder, dimension)
    print(f"open: {time.perf_counter() - started:.2f} s")
    rng = np.random.default_rng(1)
    for _ in range(SEARCHES):
        vector = rng.standard_normal(dimension).astype(np.float32)
        text = _text(rng.integers(0, VOCABULARY, 8))
        await index.search(IndexQuery(text, vector, EVERYWHERE, CANDIDATES))
    added = {name: value - before[name] for name, value in _memory().items()}
    print(f"memory added after {SEARCHES} searches: {added['RssAnon']} MB own, {added['RssFile']} MB page cache")
    await index.close()


def _memory() -> dict[str, int]:
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) // 1024 for name in ("RssAnon", "RssFile")}


async def words() -> None:
    """nDCG@10 per data set and language setting."""
    print("nDCG@10, BM25 alone".ljust(24), *(name.rjust(9) for name in LANGUAGES))
    for name in SETS:
        figures = [await _ndcg(DATA / name, language) for language in LANGUAGES]
        print(name.ljust(24), *(f"{figure:9.4f}" for figure in figures))


async def _ndcg(path: Path, language: str) -> float:
    documents = list(_lines(path / "corpus.jsonl"))
    judged: dict[str, dict[str, int]] = defaultdict(dict)
    for line in (path / "qrels.tsv").read_text().splitlines()[1:]:
        asked, document, grade = line.split("\t")
        judged[asked][document] = int(grade)
    with tempfile.TemporaryDirectory() as folder:
        index = await EmbeddedIndex.open(Path(folder), 4, language)
        for start in range(0, len(documents), BATCH):
            await index.put_words([_entry(n, documents[n]) for n in range(start, min(start + BATCH, len(documents)))])
        figures = []
        for query in _lines(path / "queries.jsonl"):
            found = await index.search(IndexQuery(query["text"], None, IndexFilter(frozenset("c")), 10))
            ranked = sorted(found, key=lambda one: -(one.lexical or 0))
            grades = judged.get(query["_id"], {})
            if any(grades.values()):
                figures.append(ndcg([grades.get(documents[one.chunk_id]["_id"], 0) for one in ranked], grades.values()))
        await index.close()
    return statistics.mean(figures)


def _lines(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _entry(number: int, document: dict[str, str]) -> WordsEntry:
    text = f"{document['title']} {document['text']}"
    return WordsEntry(number, "v", document["_id"], "c", text)


def ndcg(ranked: Sequence[int], possible: Iterable[int]) -> float:
    """Linear gains, the ideal being the ten best grades."""
    ideal = sorted(possible, reverse=True)[:10]
    return _gain(ranked) / _gain(ideal)


def _gain(grades: Sequence[int]) -> float:
    return sum(grade / math.log2(place + 2) for place, grade in enumerate(grades))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--self-check", action="store_true", help="`scale` with 600 chunks")
    commands = parser.add_subparsers(dest="command")
    scale_parser = commands.add_parser("scale")
    scale_parser.add_argument("--chunks", type=int, default=100_000)
    scale_parser.add_argument("--dimension", type=int, default=384)
    commands.add_parser("words")
    resident_parser = commands.add_parser("resident")
    resident_parser.add_argument("folder", type=Path)
    resident_parser.add_argument("dimension", type=int)
    options = parser.parse_args()
    if options.self_check:
        asyncio.run(scale(chunks=600, dimension=32))
        return
    if options.command is None:
        parser.error("one of scale, words, resident")
    if options.command == "resident":
        asyncio.run(resident(options.folder, options.dimension))
        return
    print_conditions("qdrant-edge-py", "numpy")
    asyncio.run(words() if options.command == "words" else scale(options.chunks, options.dimension))


if __name__ == "__main__":
    main()
