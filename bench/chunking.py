"""Which chunks find the exact answer with the fewest tokens.

    python -m bench.chunking [--full] [--set chunking-eval] [--setting NAME …] [--json]

Every setting divides the same documents, indexes the chunks with the shipped embedder and BM25, ranks them for each
question by .7 x cosine + .3 x BM25 / best BM25, and reads the ranking from the top until a number of tokens is reached.
Recall: share of the answer's characters that were read. Precision: share of the read characters that belong to the
answer. IoU: both in one. Means over questions, in percent. Overlapping characters are read, and paid for, once.
`scifact` reports nDCG@10 of documents ranked by their best chunk.
Vectors are kept in a temporary folder, so that a second run is quick.
"""

import argparse
import asyncio
import hashlib
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.conditions import print_conditions
from ragkeeper.ingestion.chunkers.port import ChunkSpan, TokenCounter, indexed_text
from ragkeeper.ingestion.chunkers.structure import ChunkSizes, StructureChunker
from ragkeeper.ingestion.parsers.port import ParsedDocument
from ragkeeper.providers.embedding.onnx import OnnxEmbedder
from ragkeeper.storage.vectors.words import WordEncoder

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
CACHE = Path(tempfile.gettempdir()) / "ragkeeper-bench-chunking"
BUDGETS = (500, 1000, 2000)
QUICK_PAPERS = 20
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    document: str
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """A way to divide; `prefix` is whether title and headings are indexed with the text."""

    name: str
    split: Callable[[ParsedDocument], list[ChunkSpan]]
    prefix: bool = True


@dataclass(frozen=True, slots=True)
class Chunk:
    document: str
    span: ChunkSpan
    indexed: str


def main() -> int:
    options = _options()
    embedder = OnnxEmbedder(threads=options.threads)
    if options.self_check:
        return _self_check(embedder)
    if not DATA.exists():
        print(f"no data at {DATA}")
        return 3
    settings = _settings(embedder, full=options.full, names=options.setting)
    if not options.json:
        print_conditions("onnxruntime", "tokenizers", "qdrant-edge-py")
    for name in options.set or ("chunking-eval", "covid-qa"):
        for setting in settings:
            figures = measure(name, setting, embedder, full=options.full)
            print(_line(name, setting.name, figures, as_json=options.json), flush=True)
    asyncio.run(embedder.close())
    return 0


def measure(name: str, setting: Setting, embedder: OnnxEmbedder, *, full: bool) -> dict[str, float]:
    documents = read_documents(name, full=full)
    if name == "scifact":
        return ranking_figures(documents, setting, embedder)
    questions = [one for one in read_questions(name) if one.document in documents]
    return span_figures(documents, questions, setting, embedder)


def span_figures(
    documents: dict[str, ParsedDocument], questions: Sequence[Question], setting: Setting, embedder: OnnxEmbedder
) -> dict[str, float]:
    started = time.process_time()
    chunks = list(divide(documents, setting))
    seconds = time.process_time() - started
    found = search(chunks, [question.text for question in questions], embedder)
    read = [_read(chunks, scores, question) for scores, question in zip(found, questions, strict=True)]
    figures = {name: 100 * float(np.mean([one[name] for one in read])) for name in read[0]}
    return {
        "chunks": len(chunks),
        "tokens": sum(chunk.span.tokens for chunk in chunks) / len(chunks),
        "MB/s": sum(len(document.text) for document in documents.values()) / 1e6 / max(seconds, 1e-6),
    } | figures


def _read(chunks: Sequence[Chunk], scores: Scores, question: Question) -> dict[str, float]:
    """The figures of one question at each budget, and recall of the first 1, 5 and 10 chunks."""
    order = np.argsort(-scores, kind="stable")[:200]
    figures: dict[str, float] = {}
    for count in (1, 5, 10):
        figures[f"R@{count}"] = _overlap(_merged(chunks, order[:count], math.inf), question)[0]
    for budget in BUDGETS:
        recall, precision, union = _overlap(_merged(chunks, order, budget), question)
        figures |= {f"R{budget}": recall, f"P{budget}": precision, f"IoU{budget}": union}
    return figures


def _merged(chunks: Sequence[Chunk], order: Sequence[int] | NDArray[np.intp], budget: float) -> dict[str, set[int]]:
    """Per document the positions read, chunk by chunk, until `budget` tokens; the last chunk is cut where it ends."""
    read: dict[str, set[int]] = {}
    for at in order:
        span = chunks[at].span
        seen = read.setdefault(chunks[at].document, set())
        fresh = [position for position in range(span.start, span.end) if position not in seen]
        cost = span.tokens * len(fresh) / (span.end - span.start)
        if cost > budget:
            seen.update(fresh[: int(len(fresh) * budget / cost)])
            break
        seen.update(fresh)
        budget -= cost
    return read


def _overlap(read: dict[str, set[int]], question: Question) -> tuple[float, float, float]:
    wanted = {position for start, end in question.spans for position in range(start, end)}
    total = sum(len(positions) for positions in read.values())
    hit = len(wanted & read.get(question.document, set()))
    return hit / len(wanted), hit / max(total, 1), hit / (len(wanted) + total - hit)


def ranking_figures(documents: dict[str, ParsedDocument], setting: Setting, embedder: OnnxEmbedder) -> dict[str, float]:
    """nDCG@10 and recall@100 over documents, by cosine, by words and by both."""
    chunks = list(divide(documents, setting))
    texts = {row["_id"]: row["text"] for row in _rows("scifact", "queries.jsonl")}
    judged: dict[str, dict[str, int]] = {}
    for line in (DATA / "scifact" / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, document, grade = line.split("\t")
        judged.setdefault(query, {})[document] = int(grade)
    names = list(judged)
    figures: dict[str, float] = {"chunks": len(chunks), "tokens": float(np.mean([c.span.tokens for c in chunks]))}
    for mode, weight in (("hybrid", 0.7), ("dense", 1.0), ("lexical", 0.0)):
        found = search(chunks, [texts[name] for name in names], embedder, weight)
        gains = [_ndcg(_best_documents(chunks, scores), judged[q]) for q, scores in zip(names, found, strict=True)]
        figures[f"{mode} nDCG@10"] = 100 * float(np.mean(gains))
    return figures


def _best_documents(chunks: Sequence[Chunk], scores: Scores, count: int = 10) -> list[str]:
    order = np.argsort(-scores, kind="stable")[: count * 10]
    return list(dict.fromkeys(chunks[at].document for at in order))[:count]


def _ndcg(found: Sequence[str], judged: dict[str, int]) -> float:
    gain = sum(judged.get(name, 0) / math.log2(rank + 2) for rank, name in enumerate(found))
    ideal = sorted(judged.values(), reverse=True)[:10]
    return gain / sum(grade / math.log2(rank + 2) for rank, grade in enumerate(ideal))


def divide(documents: dict[str, ParsedDocument], setting: Setting) -> Iterator[Chunk]:
    for name, document in documents.items():
        given = document if setting.prefix else replace(document, title=None, headings=())
        for span in setting.split(given):
            text = document.text[span.start : span.end]
            yield Chunk(name, span, indexed_text(given.title, span.headings, text))


def search(
    chunks: Sequence[Chunk], queries: Sequence[str], embedder: OnnxEmbedder, dense_weight: float = 0.7
) -> Iterator[Scores]:
    """For each query the fused score of every chunk, shape (len(chunks),)."""
    vectors = _embedded([chunk.indexed for chunk in chunks], embedder)
    asked = _embedded(list(queries), embedder)
    words = Words([chunk.indexed for chunk in chunks])
    for query, vector in zip(queries, asked, strict=True):
        lexical = words.scores(query)
        yield dense_weight * (vectors @ vector) + (1 - dense_weight) * lexical / max(float(lexical.max()), 1e-9)


class Words:
    """BM25 as the embedded index computes it: the shipped term weights times the IDF of this collection."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._encoder = WordEncoder()
        self._count = len(texts)
        found: dict[int, tuple[list[int], list[float]]] = {}
        for at, text in enumerate(texts):
            vector = self._encoder.document(text)
            for term, weight in zip(vector.indices, vector.values, strict=True):
                rows, weights = found.setdefault(term, ([], []))
                rows.append(at)
                weights.append(weight)
        self._postings = {term: (np.array(rows), np.array(weights)) for term, (rows, weights) in found.items()}

    def scores(self, query: str) -> Scores:
        scores = np.zeros(self._count, np.float32)
        vector = self._encoder.query(query)
        for term in vector.indices if vector else ():
            if term in self._postings:
                rows, weights = self._postings[term]
                idf = math.log(1 + (self._count - len(rows) + 0.5) / (len(rows) + 0.5))
                scores[rows] += idf * weights
        return scores


def _embedded(texts: list[str], embedder: OnnxEmbedder) -> Scores:
    digest = hashlib.sha256("\x00".join([embedder.name, *texts]).encode()).hexdigest()[:24]
    path = CACHE / f"{digest}.npy"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        np.save(path, asyncio.run(embedder.embed_documents(texts)).astype(np.float16))
    vectors: Scores = np.load(path).astype(np.float32)
    return vectors


def read_documents(name: str, *, full: bool) -> dict[str, ParsedDocument]:
    """The set's documents as a parser gives them, without markup; the first 20 papers of covid-qa unless `full`."""
    rows = list(_rows(name, "corpus.jsonl"))
    if name == "covid-qa" and not full:
        rows = rows[:QUICK_PAPERS]
    return {row["_id"]: _document(row["text"], row["title"]) for row in rows}


def read_questions(name: str) -> Iterator[Question]:
    for row in _rows(name, "qa.jsonl"):
        spans = row.get("spans") or list(_answer_spans(row))
        if spans:
            yield Question(row["question"], row["context_id"], tuple((start, end) for start, end in spans))


def _answer_spans(row: dict[str, Any]) -> Iterator[tuple[int, int]]:
    for start, answer in zip(row["answer_start"], row["answers"], strict=True):
        if start is not None:
            yield start, start + len(answer)


def _rows(name: str, file: str) -> Iterator[dict[str, Any]]:
    with (DATA / name / file).open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _document(text: str, title: str | None) -> ParsedDocument:
    return ParsedDocument(text, "text/plain", title, (), (), (), {}, ())


@dataclass(frozen=True, slots=True)
class FixedChunker:
    """The baseline: every `size` tokens, wherever that is."""

    counter: TokenCounter
    size: int
    overlap: int = 0

    def split(self, document: ParsedDocument) -> list[ChunkSpan]:
        tokens = self.counter.token_offsets(document.text)
        starts = range(0, max(len(tokens) - self.overlap, 1), self.size - self.overlap)
        parts = [tokens[start : start + self.size] for start in starts] if tokens else []
        return [
            ChunkSpan(ordinal, part[0][0], part[-1][1], None, None, (), len(part)) for ordinal, part in enumerate(parts)
        ]


def _settings(counter: TokenCounter, *, full: bool, names: Sequence[str] = ()) -> list[Setting]:
    settings = [
        Setting("default", StructureChunker(counter).split),
        Setting("default, no prefix", StructureChunker(counter).split, prefix=False),
        Setting("fixed 160", FixedChunker(counter, 160).split),
    ]
    if full or names:
        known = {setting.name for setting in settings}
        settings += [setting for setting in _sweep(counter) if setting.name not in known]
    chosen = [setting for setting in settings if not names or setting.name in names]
    if missing := set(names) - {setting.name for setting in settings}:
        raise SystemExit(f"no setting {sorted(missing)}; known: {[setting.name for setting in settings]}")
    return chosen


def _sweep(counter: TokenCounter) -> Iterator[Setting]:
    for target in (64, 96, 128, 160, 200, 254):
        for share in (25, 50, 100):
            sizes = ChunkSizes(target=target, least=target * share // 100)
            yield Setting(f"{target} least {share}%", StructureChunker(counter, sizes).split)
        for share in (10, 20):
            sizes = ChunkSizes(target=target, least=target // 2, overlap=target * share // 100)
            yield Setting(f"{target} overlap {share}%", StructureChunker(counter, sizes).split)
        sizes = ChunkSizes(target=target, least=target // 2)
        yield Setting(f"{target} no prefix", StructureChunker(counter, sizes).split, prefix=False)
        fixed = min(target, 200)  # the prefix has to fit as well
        yield Setting(f"fixed {target}", FixedChunker(counter, fixed).split)
        yield Setting(f"fixed {target} overlap 20%", FixedChunker(counter, fixed, fixed // 5).split)


def _line(data: str, setting: str, figures: dict[str, float], *, as_json: bool) -> str:
    if as_json:
        return json.dumps(
            {"set": data, "setting": setting} | {name: round(value, 2) for name, value in figures.items()}
        )
    return f"{data:14} {setting:22} " + " ".join(f"{name} {value:.1f}" for name, value in figures.items())


def _self_check(embedder: OnnxEmbedder) -> int:
    """Two short documents: the question about one is answered from it, and every figure is a share."""
    texts = {"cats": "Cats purr when they are content. " * 3, "rain": "Rain falls from clouds in autumn. " * 3}
    documents = {name: _document(text, name) for name, text in texts.items()}
    question = Question("When does a cat purr?", "cats", ((0, 32),))
    figures = span_figures(documents, [question], _settings(embedder, full=False)[0], embedder)
    shares = {name: value for name, value in figures.items() if name[0] in "RPI"}
    return int(figures["R@1"] != 100 or not all(0 <= value <= 100 for value in shares.values()) or len(shares) < 12)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="every setting, and all of covid-qa (about an hour)")
    parser.add_argument("--set", action="append", choices=("chunking-eval", "covid-qa", "scifact"))
    parser.add_argument("--setting", action="append", default=[], help="only settings of this name")
    parser.add_argument("--threads", type=int, default=2, help="threads that embed (default 2)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
