"""Ten thousand small Markdown files waiting: accepted, survived, worked off.

    python -m bench.backlog [--files 10000] [--json]

Reading is paused, the files are uploaded over eight connections, the server is killed and started again on them, and
reading goes on. The direct path is the same work without HTTP, SQL, jobs and their syncing to disk: the same parsers,
chunker, embedder and index, called one after the other in this process. Targets: ready to serve within 3 s of the
start with everything queued; at least 60 % of the direct path's rate; memory that does not grow with the queue.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import load, small_files
from bench.conditions import print_conditions
from bench.processes import memory_mb
from bench.server import Server, serving, start, stop, wait_until_up
from ragkeeper.core.settings import Settings
from ragkeeper.entrypoints import engines
from ragkeeper.ingestion.chunkers.port import ChunkSpan, indexed_text
from ragkeeper.ingestion.parsers.port import ParsedDocument, Parser
from ragkeeper.storage.vectors.embedded import EmbeddedIndex
from ragkeeper.storage.vectors.port import VectorEntry, WordsEntry

RESTART_SECONDS, SHARE_OF_DIRECT = 3.0, 0.6
_BATCH = 256


@dataclass(frozen=True, slots=True)
class Measured:
    files: int
    accepted_per_second: float
    empty_mb: float
    waiting_mb: float
    restart_seconds: float
    ready_per_second: float
    direct_per_second: float

    @property
    def share_of_direct(self) -> float:
        return self.ready_per_second / self.direct_per_second


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="ragkeeper-bench-") as name:
        measured = measure(Path(name), 20 if options.self_check else options.files)
    if options.json:
        print(json.dumps(asdict(measured) | {"share_of_direct": measured.share_of_direct}))
    else:
        print_conditions("onnxruntime", "kreuzberg", "qdrant-edge-py", "sqlalchemy")
        _print(measured)
    if options.self_check:
        return int(min(measured.ready_per_second, measured.restart_seconds, measured.waiting_mb) <= 0)
    return int(measured.restart_seconds > RESTART_SECONDS or measured.share_of_direct < SHARE_OF_DIRECT)


def measure(folder: Path, files: int) -> Measured:
    bodies = small_files.texts(files)
    with serving(folder) as server:
        empty = memory_mb(server.process.pid)["pss"]
        asyncio.run(load.ask(server.address, server.key, load.Request.of("/api/v1/jobs/pause", {})))
        uploads = asyncio.run(small_files.upload(server, bodies))
        waiting = memory_mb(server.process.pid)["pss"]
        server.process.kill()
        server.process.wait()
    restarted, seconds = _restart(folder)
    try:
        ready = asyncio.run(_worked_off(restarted, files))
    finally:
        stop(restarted.process)
    written = _written(folder / "direct", [str(body["text"]) for body in bodies])
    direct = asyncio.run(_direct_seconds(folder / "direct", written))
    return Measured(files, uploads.per_second, empty, waiting, seconds, files / ready, files / direct)


def _restart(folder: Path) -> tuple[Server, float]:
    """The server on the same folder, and seconds from its start to the first answered search."""
    began = time.perf_counter()
    process, port = start(folder)
    address = f"http://127.0.0.1:{port}"
    wait_until_up(process, address, folder)
    key = (folder / "data/secrets/api_key").read_text(encoding="utf-8").strip()
    server = Server(process, address, key, folder / "server.log")
    asyncio.run(load.ask(address, key, load.Request.of("/api/v1/search", {"query": "anything"})))
    return server, time.perf_counter() - began


async def _worked_off(server: Server, files: int) -> float:
    """Seconds from the end of the pause until every file is ready. Raises SystemExit when one is lost."""
    began = time.perf_counter()
    await load.ask(server.address, server.key, load.Request.of("/api/v1/jobs/resume", {}))
    connection = await load.Connection.open(server.address, server.key)
    while any((status := json.loads(await connection.send(load.Request("/status"))))["queue"].values()):  # noqa: ASYNC110 - another process works
        await asyncio.sleep(0.5)
    seconds = time.perf_counter() - began
    await connection.close()
    if status["documents"]["ready"] != files:
        raise SystemExit(f"not all became ready: {status['documents']}")
    return seconds


def _written(folder: Path, texts: Sequence[str]) -> list[Path]:
    (folder / "data/work").mkdir(parents=True)
    files = [folder / f"{number}.md" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8")
    return files


async def _direct_seconds(folder: Path, files: Sequence[Path]) -> float:
    """The same work as plain calls, in batches as the server has them."""
    settings = Settings.model_validate({"RAG_DATA_DIR": folder / "data"})
    embedder = await engines.open_embedder(settings)
    parser, chunker = engines.parser(settings), engines.chunker(embedder)
    index = await EmbeddedIndex.open(folder / "index", embedder.dimension)
    await parser.start()
    began = time.perf_counter()
    number = 0
    for at in range(0, len(files), _BATCH):
        parsed = await _parsed(parser, files[at : at + _BATCH], settings.parser_workers)
        spans = [(document, span) for document in parsed for span in chunker.split(document)]
        entries = [_words(number + offset, document, span) for offset, (document, span) in enumerate(spans)]
        number += len(entries)
        await index.put_words(entries)
        vectors = await embedder.embed_documents([entry.text for entry in entries])
        await index.put_vectors([VectorEntry(e.chunk_id, v) for e, v in zip(entries, vectors, strict=True)])
    await index.flush()
    seconds = time.perf_counter() - began
    await parser.close()
    await embedder.close()
    await index.close()
    return seconds


async def _parsed(parser: Parser, files: Sequence[Path], workers: int) -> list[ParsedDocument]:
    room = asyncio.Semaphore(workers)

    async def one(file: Path) -> ParsedDocument:
        async with room:
            return await parser.parse(file, file.name)

    return await asyncio.gather(*(one(file) for file in files))


def _words(chunk_id: int, document: ParsedDocument, span: ChunkSpan) -> WordsEntry:
    text = indexed_text(document.title, span.headings, document.text[span.start : span.end])
    return WordsEntry(chunk_id + 1, f"v{chunk_id}", f"d{chunk_id}", "c", text)


def _print(measured: Measured) -> None:
    print(f"{measured.files} Markdown files of about 700 characters")
    print(f"accepted, each durable: {measured.accepted_per_second:.0f} files/s")
    print(f"memory: {measured.empty_mb:.0f} MB PSS with an empty queue, {measured.waiting_mb:.0f} MB with all waiting")
    print(
        f"killed and started again: first answered search after {measured.restart_seconds:.2f} s "
        f"(target {RESTART_SECONDS:.0f})"
    )
    print(
        f"worked off: {measured.ready_per_second:.1f} files/s; the direct path: {measured.direct_per_second:.1f} "
        f"files/s; share {measured.share_of_direct:.1%} (target {SHARE_OF_DIRECT:.0%})"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
