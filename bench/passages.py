"""Question sets turned into what an answerer receives: passages from the whole set's documents, best first.

The shipped chunker and embedder, BM25 with the shipped term weights, fused .7 x cosine + .3 x BM25 / best BM25.
Vectors are kept in a temporary folder, so that a second run is quick.
"""

import hashlib
import json
import math
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from kreuzberg import extract_file_sync
from numpy.typing import NDArray

from ragkeeper.generation.models import Passage
from ragkeeper.ingestion.chunkers.port import ChunkSpan, indexed_text
from ragkeeper.ingestion.chunkers.structure import StructureChunker
from ragkeeper.ingestion.parsers.port import ParsedDocument
from ragkeeper.providers.embedding.onnx import OnnxEmbedder
from ragkeeper.storage.vectors.words import WordEncoder

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
CACHE = Path(tempfile.gettempdir()) / "ragkeeper-bench-passages"
TOP_K = 15
SCIFACT_DOCUMENTS = 1200
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Document:
    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """answers: texts any of which counts; spans: where they lie in `document`, where the set says so."""

    text: str
    answers: tuple[str, ...] = ()
    document: str = ""
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionSet:
    name: str
    documents: list[Document]
    questions: list[Question]

    def half(self, *, train: bool) -> list[Question]:
        """The questions of one half of the documents, drawn with a fixed seed: tuned on one, reported on the other."""
        names = sorted({question.document for question in self.questions})
        random.Random(1).shuffle(names)  # noqa: S311 - a repeatable split, no secret
        chosen = set(names[::2])
        return [question for question in self.questions if (question.document in chosen) is train]


class CachedEmbedder:
    """The shipped embedder; remembers every text, so that a question may be asked again for nothing."""

    def __init__(self, threads: int = 1) -> None:
        self.inner = OnnxEmbedder(threads=threads)
        self._known: dict[str, Vectors] = {}

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        if missing:
            self._known.update(zip(missing, await self.inner.embed_documents(missing), strict=True))
        return np.stack([self._known[text] for text in texts])

    async def embed_now(self, texts: Sequence[str]) -> Vectors:
        return await self.embed_documents(texts)

    async def embed_query(self, text: str) -> Vectors:
        vectors: Vectors = await self.embed_documents([text])
        return np.asarray(vectors[0])

    @property
    def max_tokens(self) -> int:
        return self.inner.max_tokens

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        return self.inner.token_offsets(text)


class Index:
    """One set's chunks, with their vectors and their words."""

    def __init__(self, chunks: list[tuple[Document, ChunkSpan]], vectors: Vectors, texts: Sequence[str]) -> None:
        self._chunks = chunks
        self._vectors = vectors
        self._words = _Words(texts)

    def search(self, question: str, vector: Vectors, top_k: int = TOP_K) -> list[Passage]:
        dense = self._vectors @ vector
        lexical = self._words.scores(question)
        fused = 0.7 * dense + 0.3 * lexical / max(float(lexical.max()), 1e-9)
        best = np.argsort(-fused, kind="stable")[:top_k].tolist()
        scores = [(float(fused[at]), float(dense[at]), float(lexical[at])) for at in best]
        return [self._passage(n, at, *score) for n, (at, score) in enumerate(zip(best, scores, strict=True), start=1)]

    def _passage(self, marker: int, at: int, score: float, dense: float, lexical: float) -> Passage:
        document, span = self._chunks[at]
        return Passage(
            marker=marker,
            document_id=document.id,
            version_id=document.id,
            chunk_id=at,
            title=document.title,
            text=document.text[span.start : span.end],
            page=span.page,
            start=span.start,
            end=span.end,
            score=score,
            dense=dense,
            lexical=lexical,
        )


class _Words:
    """BM25 as the embedded index computes it: the shipped term weights times the IDF of this collection."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._encoder = WordEncoder()
        self._count = len(texts)
        self._postings: dict[int, list[tuple[int, float]]] = {}
        for at, text in enumerate(texts):
            vector = self._encoder.document(text)
            for term, weight in zip(vector.indices, vector.values, strict=True):
                self._postings.setdefault(term, []).append((at, weight))

    def scores(self, question: str) -> NDArray[np.float64]:
        scores = np.zeros(self._count)
        query = self._encoder.query(question)
        for term in query.indices if query else ():
            found = self._postings.get(term, [])
            idf = math.log(1 + (self._count - len(found) + 0.5) / (len(found) + 0.5))
            for at, weight in found:
                scores[at] += idf * weight
        return scores


async def build_index(name: str, documents: Sequence[Document], embedder: CachedEmbedder) -> Index:
    chunker = StructureChunker(embedder.inner)
    chunks = [(document, span) for document in documents for span in chunker.split(_parsed(document))]
    texts = [indexed_text(doc.title, span.headings, doc.text[span.start : span.end]) for doc, span in chunks]
    return Index(chunks, await _vectors(name, texts, embedder), texts)


async def _vectors(name: str, texts: Sequence[str], embedder: CachedEmbedder) -> Vectors:
    digest = hashlib.sha256("\0".join((embedder.inner.name, *texts)).encode()).hexdigest()[:16]
    path = CACHE / f"{name.replace('/', '-')}-{digest}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, await embedder.inner.embed_documents(texts))
    loaded: Vectors = np.load(path)
    return loaded


def _parsed(document: Document) -> ParsedDocument:
    return ParsedDocument(
        text=document.text,
        media_type="text/plain",
        title=document.title,
        pages=(),
        headings=(),
        tables=(),
        metadata={},
        warnings=(),
    )


def load_set(name: str) -> QuestionSet:
    """Read `../shared/data/NAME`: xquad/en, xquad/de, xquad/es, covid-qa, chunking-eval, scifact, docugami-sec10q."""
    folder = DATA / name
    if name == "docugami-sec10q":
        documents = [_read_pdf(path) for path in sorted((folder / "pdf").glob("*.pdf"))]
    else:
        documents = [Document(row["_id"], row.get("title", ""), row["text"]) for row in _rows(folder / "corpus.jsonl")]
    if name == "scifact":
        questions = [Question(row["text"]) for row in _rows(folder / "queries.jsonl")]
        return QuestionSet(name, _with_judged(documents, folder / "qrels.tsv"), questions)
    return QuestionSet(name, documents, [_question(row) for row in _rows(folder / "qa.jsonl")])


def _with_judged(documents: Sequence[Document], judgements: Path) -> list[Document]:
    """The documents that some claim is judged by, and others up to SCIFACT_DOCUMENTS: embedding all takes minutes."""
    judged = {line.split("\t")[1] for line in judgements.read_text().splitlines()[1:]}
    others = [document for document in documents if document.id not in judged]
    return [document for document in documents if document.id in judged] + others[: SCIFACT_DOCUMENTS - len(judged)]


def _question(row: dict[str, Any]) -> Question:
    document = row["context_id"][0] if isinstance(row["context_id"], list) else row["context_id"]
    starts = row.get("answer_start", [])
    starts = starts if isinstance(starts, list) else [starts]
    spans = [(s, s + len(text)) for s, text in zip(starts, row["answers"], strict=False) if s is not None]
    spans = [(start, end) for start, end in row.get("spans", spans)]
    return Question(row["question"], tuple(row["answers"]), document, tuple(spans))


def _read_pdf(path: Path) -> Document:
    return Document(path.stem, path.stem, extract_file_sync(path).content)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
