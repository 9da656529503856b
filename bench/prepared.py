"""Data folders with many chunks, made quickly and kept for the next run.

Real texts of ../shared/data (medquad-liveqa, scifact, covid-qa) are cut by the product's chunker. Where they give too
few chunks, further ones join the first half of one real chunk to the second half of another. Up to 20,000 chunks get
their real vectors; the others get one of those plus noise of .3 times its length. Rows go straight into SQL; the index
is then rebuilt from SQL by the product's own reconciler, and optimized.
Folders lie in ~/.cache/ragkeeper-bench (set XDG_CACHE_HOME to move them) and carry in their names what they depend on.
"""

import asyncio
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Table, insert, select

from ragkeeper.core.access import local_administrator
from ragkeeper.core.ids import new_id
from ragkeeper.core.settings import load_settings
from ragkeeper.entrypoints import engines
from ragkeeper.entrypoints.build import Application, build
from ragkeeper.ingestion.chunkers.port import indexed_text
from ragkeeper.ingestion.parsers.port import ParsedDocument
from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.retrieval.vectors import encode_vector
from ragkeeper.storage.sql.tables import (
    chunk_vectors,
    chunks,
    collections,
    documents,
    metadata,
    version_texts,
    versions,
)

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
SOURCES = ("medquad-liveqa", "scifact", "covid-qa")
REAL_VECTORS = 20_000
NOISE = 0.3
CHUNKS_PER_DOCUMENT = 5
_MARK = "complete"
_BATCH = 2000
_FORM = 1  # raise when folders made before no longer serve

Texts = list[tuple[str, str]]
"""(chunk text, indexed text)"""


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ragkeeper-bench"


def prepared(n_chunks: int) -> Path:
    """A folder whose `data` is a data folder with this many chunks, all with vectors and indexed."""
    folder = cache_folder() / f"chunks-{n_chunks}-schema-{_schema_digest()}-form-{_FORM}"
    if not (folder / _MARK).exists():
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "data").mkdir(parents=True)
        began = time.monotonic()
        asyncio.run(_prepare(folder / "data", n_chunks))
        (folder / _MARK).touch()
        sys.stderr.write(f"prepared {n_chunks} chunks in {time.monotonic() - began:.0f} s: {folder}\n")
    return folder


def _schema_digest() -> str:
    shape = {
        table.name: [f"{column.name} {column.type}" for column in table.columns] for table in metadata.sorted_tables
    }
    return hashlib.sha256(json.dumps(shape).encode()).hexdigest()[:8]


def questions(count: int) -> list[str]:
    """Real queries of the source sets, in turn, repeated when there are fewer."""
    texts = [[row["text"] for row in _rows(name, "queries.jsonl")] for name in SOURCES]
    mixed = [text for group in zip(*(_cycled(one, count) for one in texts), strict=True) for text in group]
    return mixed[:count]


async def _prepare(data: Path, n_chunks: int) -> None:
    application = await build(load_settings({"RAG_DATA_DIR": str(data)}, Path("/dev/null")))
    try:
        await application.documents.ensure_default_collection(local_administrator())
        texts = _texts(application.embedder, n_chunks)
        vectors = await _vectors(application.embedder, texts)
        sys.stderr.write("vectors are there; writing SQL\n")
        await _write(application, texts, vectors)
        sys.stderr.write("filling the index from SQL\n")
        await application.reconciler.rebuild()
        await application.index.optimize()
    finally:
        await application.stop()


def _texts(embedder: Embedder, n_chunks: int) -> Texts:
    found = list(islice(_real_texts(embedder), n_chunks))
    real = len(found)
    if not real:
        raise SystemExit(f"no texts at {DATA}")
    for number in range(n_chunks - real):
        one, other = found[number % real][0], found[(number * 7919 + 13) % real][0]
        joined = _fitting(embedder, one[: len(one) // 2] + other[len(other) // 2 :])
        found.append((joined, joined))
    return found


def _fitting(embedder: Embedder, text: str) -> str:
    """The text, or as much of its beginning as the embedder reads at once."""
    spans = embedder.token_offsets(text)
    return text if len(spans) <= embedder.max_tokens else text[: spans[embedder.max_tokens - 1][1]]


def _real_texts(embedder: Embedder) -> Iterator[tuple[str, str]]:
    chunker = engines.chunker(embedder)
    for name in SOURCES:
        for row in _rows(name, "corpus.jsonl"):
            title = row.get("title") or None
            for span in chunker.split(ParsedDocument(row["text"], "text/plain", title, (), (), (), {}, ())):
                text = row["text"][span.start : span.end]
                yield text, indexed_text(title, span.headings, text)


async def _vectors(embedder: Embedder, texts: Texts) -> NDArray[np.float32]:
    """Spread over all texts, so that every source has real ones."""
    real = min(REAL_VECTORS, len(texts))
    chosen = np.linspace(0, len(texts) - 1, real).astype(int)
    base = await embedder.embed_documents([texts[at][1] for at in chosen])
    rng = np.random.default_rng(7)
    owners = rng.integers(0, real, len(texts))
    noise = rng.standard_normal((len(texts), embedder.dimension)).astype(np.float32)
    vectors = base[owners] + NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    vectors[chosen] = base
    unit: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


async def _write(application: Application, texts: Texts, vectors: NDArray[np.float32]) -> None:
    async with application.database.read() as sql:
        collection = (await sql.execute(select(collections.c.id))).scalar_one()
    for start in range(0, len(texts), _BATCH):
        rows = _rows_of(texts[start : start + _BATCH], collection, start)
        rows[chunk_vectors] = [
            {"chunk_id": start + at + 1, "model": application.embedder.name, "vector": encode_vector(vector)}
            for at, vector in enumerate(vectors[start : start + _BATCH])
        ]
        async with application.database.write() as sql:
            for table, values in rows.items():
                await sql.execute(insert(table), values)


def _rows_of(texts: Texts, collection: str, first: int) -> dict[Table, list[dict[str, Any]]]:
    """Rows of documents of five chunks each; chunk ids count from first + 1."""
    rows: dict[Table, list[dict[str, Any]]] = {documents: [], versions: [], version_texts: [], chunks: []}
    for start in range(0, len(texts), CHUNKS_PER_DOCUMENT):
        _add_document(rows, texts[start : start + CHUNKS_PER_DOCUMENT], collection, first + start)
    return rows


def _add_document(rows: dict[Table, list[dict[str, Any]]], parts: Texts, collection: str, first: int) -> None:
    document, version, now = new_id(), new_id(), datetime.now(UTC)
    text = "\n".join(part for part, _ in parts)
    named = {"id": document, "collection_id": collection, "user_id": "bench", "name": f"document-{first}"}
    times = {"created_at": now, "updated_at": now}
    rows[documents].append(
        {
            **named,
            **times,
            "title": f"Document {first}",
            "metadata": {},
            "current_version_id": version,
            "newest_version_id": version,
        }
    )
    rows[versions].append(_version_row(document, version, text, now))
    rows[version_texts].append({"version_id": version, "text": text})
    start = 0
    for ordinal, (part, indexed) in enumerate(parts):
        place = {"ordinal": ordinal, "start": start, "end": start + len(part), "tokens": len(part) // 4}
        owner = {"id": first + ordinal + 1, "version_id": version, "document_id": document}
        rows[chunks].append({**owner, **place, "headings": [], "gap": "\n", "text": part, "indexed_text": indexed})
        start += len(part) + 1


def _version_row(document: str, version: str, text: str, now: datetime) -> dict[str, Any]:
    return {
        "id": version,
        "document_id": document,
        "number": 1,
        "sha256": version * 2,
        "size": len(text),
        "filename": "document.txt",
        "media_type": "text/plain",
        "status": "ready",
        "attempts": 1,
        "interruptions": 0,
        "warnings": [],
        "properties": {},
        "characters": len(text),
        "created_at": now,
        "queued_at": now,
        "searchable_at": now,
        "ready_at": now,
    }


def _rows(name: str, file: str) -> Iterator[dict[str, Any]]:
    with (DATA / name / file).open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _cycled(texts: Sequence[str], count: int) -> list[str]:
    return [texts[at % len(texts)] for at in range(count // len(SOURCES) + 1)]
