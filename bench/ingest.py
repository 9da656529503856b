"""Documents to `ready` over HTTP, vectors included, against the raw embedder on the very same chunks.

    python -m bench.ingest [--documents 5183] [--json]

Uploads SciFact to a server of its own, as texts over eight connections, and waits until every document is ready. Then
the embedder alone, in this process and with the same threads, embeds the chunk texts that the server stored: what
remains between the two is what parsing, chunking, SQL, the index and HTTP cost. Processor time tells the same where
other programs take the cores. Last, how soon a document is found by its words: on the quiet server, and while it works
on others. Targets: 90 % of the raw rate, found within 1 s.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, func, select

from bench import load
from bench.conditions import print_conditions
from bench.prepared import DATA
from bench.processes import processor_seconds
from bench.server import Server, serving
from ragkeeper.providers.embedding.onnx import OnnxEmbedder
from ragkeeper.storage.sql.tables import chunks

SHARE_OF_RAW, FOUND_SECONDS = 0.9, 1.0
_DOCUMENTS = "/api/v1/documents"
_UPLOADS_AT_ONCE = 8
_EMBED_BATCH = 256
_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Measured:
    documents: int
    chunks: int
    upload_seconds: float
    ready_seconds: float
    raw_seconds: float
    found_quiet_p50_ms: float
    found_quiet_max_ms: float
    found_busy_max_ms: float
    processor_seconds: float
    raw_processor_seconds: float

    @property
    def share_of_raw(self) -> float:
        return self.raw_seconds / self.ready_seconds

    def figures(self) -> dict[str, float]:
        rates = {
            "documents_per_second": self.documents / self.ready_seconds,
            "chunks_per_second": self.chunks / self.ready_seconds,
            "raw_chunks_per_second": self.chunks / self.raw_seconds,
            "share_of_raw": self.share_of_raw,
            "share_of_raw_by_processor_time": self.raw_processor_seconds / self.processor_seconds,
        }
        return {name: round(value, 3) for name, value in (asdict(self) | rates).items()}


def main() -> int:
    options = _options()
    texts = _tiny_texts() if options.self_check else _scifact(options.documents)
    if not texts:
        print(f"no data at {DATA}")
        return 3
    with tempfile.TemporaryDirectory(prefix="ragkeeper-bench-") as name:
        measured = measure(Path(name), texts, rounds=2 if options.self_check else _ROUNDS)
    figures = measured.figures()
    if options.json:
        print(json.dumps(figures))
    else:
        print_conditions("onnxruntime", "tokenizers", "qdrant-edge-py", "sqlalchemy")
        _print(figures)
    if options.self_check:
        return int(measured.documents != len(texts) or measured.chunks < len(texts) or measured.raw_seconds <= 0)
    return int(measured.share_of_raw < SHARE_OF_RAW or measured.found_busy_max_ms > FOUND_SECONDS * 1000)


def measure(folder: Path, texts: list[dict[str, str]], rounds: int) -> Measured:
    with serving(folder) as server:
        idle = processor_seconds(server.process.pid)
        uploaded, ready, busy = asyncio.run(_ingest(server, texts))
        spent = processor_seconds(server.process.pid) - idle
        quiet = asyncio.run(_found(server, "quiet", rounds))
    stored = _stored_chunks(folder, len(texts))
    raw_seconds, raw_spent = asyncio.run(_raw_seconds(stored))
    return Measured(
        documents=len(texts),
        chunks=len(stored),
        upload_seconds=uploaded,
        ready_seconds=ready,
        raw_seconds=raw_seconds,
        found_quiet_p50_ms=sorted(quiet)[len(quiet) // 2],
        found_quiet_max_ms=max(quiet),
        found_busy_max_ms=max(busy),
        processor_seconds=spent,
        raw_processor_seconds=raw_spent,
    )


async def _ingest(server: Server, texts: list[dict[str, str]]) -> tuple[float, float, list[float]]:
    """Seconds until everything was uploaded and until everything was ready; milliseconds of documents in between."""
    requests = [load.Request.of(_DOCUMENTS, text) for text in texts]
    began = time.time()
    uploads = await load.run(server.address, server.key, requests, _UPLOADS_AT_ONCE)
    uploaded = time.time() - began
    if any(answer["duplicate"] for answer in uploads.json()):
        raise SystemExit("the set holds equal texts; they would count as ingested")
    busy = await _found(server, "busy", 3)
    connection = await load.Connection.open(server.address, server.key)
    # The server's own record tells the end to the millisecond, so it is asked rarely: asking costs it time.
    while await _unfinished(connection):  # noqa: ASYNC110 - what is waited for happens in another process
        await asyncio.sleep(1 if len(texts) > _UPLOADS_AT_ONCE else 0.1)
    ready = await _last_ready(connection) - began
    await connection.close()
    return uploaded, ready, busy


async def _unfinished(connection: load.Connection) -> bool:
    """Statuses are asked in the order documents pass them, so that none slips by between two questions."""
    for status in ("accepted", "parsing", "indexing", "searchable"):
        page = json.loads(await connection.send(load.Request(f"{_DOCUMENTS}?status={status}&limit=1")))
        if page["items"]:
            return True
    return False


async def _last_ready(connection: load.Connection) -> float:
    """When the last document became ready. Raises SystemExit when one failed."""
    latest, cursor = 0.0, ""
    while True:
        page = json.loads(await connection.send(load.Request(f"{_DOCUMENTS}?limit=500{cursor}")))
        if failed := [item["name"] for item in page["items"] if item["status"] != "ready"]:
            raise SystemExit(f"not ready: {failed}")
        latest = max(
            latest, *(datetime.fromisoformat(item["version"]["ready_at"]).timestamp() for item in page["items"])
        )
        if page["next_cursor"] is None:
            return latest
        cursor = f"&cursor={page['next_cursor']}"


async def _found(server: Server, name: str, rounds: int) -> list[float]:
    """Milliseconds from the start of an upload until a search by words finds the document, asked every 10 ms."""
    connection = await load.Connection.open(server.address, server.key)
    milliseconds = []
    for number in range(rounds):
        word = f"zyx{name}{number}qj"
        search = load.Request.of("/api/v1/search", {"query": word, "mode": "lexical"})
        began = time.perf_counter()
        await connection.send(load.Request.of(_DOCUMENTS, {"text": f"The {word} is a bird.", "name": word}))
        while not json.loads(await connection.send(search))["results"]:  # noqa: ASYNC110 - another process finds it
            await asyncio.sleep(0.01)
        milliseconds.append((time.perf_counter() - began) * 1000)
    await connection.close()
    return milliseconds


def _stored_chunks(folder: Path, documents: int) -> list[str]:
    """What the server embedded for the first documents, in its order."""
    engine = create_engine(f"sqlite:///{folder / 'data/ragkeeper.db'}")
    own = func.coalesce(chunks.c.indexed_text, chunks.c.text)
    with engine.connect() as sql:
        rows = sql.execute(select(chunks.c.version_id, own).order_by(chunks.c.id)).all()
    engine.dispose()
    kept = set(list(dict.fromkeys(version for version, _ in rows))[:documents])
    return [text for version, text in rows if version in kept]


async def _raw_seconds(texts: list[str]) -> tuple[float, float]:
    """Wall-clock and processor seconds of the embedder alone."""
    embedder = OnnxEmbedder()
    await embedder.embed_documents(texts[:50])
    began, spent = time.perf_counter(), time.process_time()
    for start in range(0, len(texts), _EMBED_BATCH):
        await embedder.embed_documents(texts[start : start + _EMBED_BATCH])
    seconds, spent = time.perf_counter() - began, time.process_time() - spent
    await embedder.close()
    return seconds, spent


def _scifact(count: int) -> list[dict[str, str]]:
    path = DATA / "scifact" / "corpus.jsonl"
    rows: list[dict[str, Any]] = [json.loads(line) for line in path.open(encoding="utf-8")] if path.exists() else []
    return [{"name": row["_id"], "title": row["title"], "text": f"{row['title']}\n\n{row['text']}"} for row in rows][
        :count
    ]


def _tiny_texts() -> list[dict[str, str]]:
    return [{"name": f"n{at}", "text": f"Note {at}. " + f"The weather of day {at} was mild. " * 20} for at in range(8)]


def _print(figures: dict[str, float]) -> None:
    print(f"SciFact, {figures['documents']:.0f} documents, {figures['chunks']:.0f} chunks")
    print(f"uploaded after {figures['upload_seconds']:.1f} s, all ready after {figures['ready_seconds']:.1f} s")
    print(f"product: {figures['documents_per_second']:.1f} docs/s, {figures['chunks_per_second']:.1f} chunks/s")
    print(f"raw embedder on the same chunks: {figures['raw_chunks_per_second']:.1f} chunks/s")
    print(f"product against raw: {figures['share_of_raw']:.1%} (target {SHARE_OF_RAW:.0%})")
    print(
        f"processor time: product {figures['processor_seconds']:.1f} s, raw embedder "
        f"{figures['raw_processor_seconds']:.1f} s ({figures['share_of_raw_by_processor_time']:.1%})"
    )
    print(
        f"upload until found by words: p50 {figures['found_quiet_p50_ms']:.0f} ms, max "
        f"{figures['found_quiet_max_ms']:.0f} ms; behind all the others max {figures['found_busy_max_ms']:.0f} ms "
        f"(target {FOUND_SECONDS:.0f} s)"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--documents", type=int, default=5183)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
