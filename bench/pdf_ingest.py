"""PDF pages per second from upload until found by words, against the raw parser at the same parallelism.

    python -m bench.pdf_ingest [--rounds 3] [--folder ../shared/data/docugami-sec10q/pdf] [--json]

The raw parser is kreuzberg in child processes of its own, as many as the server's parsers, with the settings that the
server uses: no sandbox, no chunks, no SQL, no index. The server embeds meanwhile, as it does for users. Both see the
files from a warm page cache, with processes that have read a first file (which does not count), and take turns; medians
count. Target: 80 % of the raw parser.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import kreuzberg

from bench.conditions import print_conditions
from bench.prepared import DATA
from bench.server import serving
from ragkeeper.cli.client import Client
from ragkeeper.core.settings import load_settings

SHARE_OF_RAW = 0.8
_DOCUMENTS = "/api/v1/documents"
_WORDS_FOUND = {"searchable", "ready"}
_DONE = frozenset({"ready"})


def main() -> int:
    options = _options()
    files = sorted(options.folder.glob("*.pdf"))
    if not files:
        print(f"no PDF files at {options.folder}")
        return 0 if options.self_check else 3
    files, rounds = (files[:1], 1) if options.self_check else (files, options.rounds)
    workers = load_settings({}).parser_workers
    measured = [(raw_rate(files, workers), product_rate(files)) for _ in range(rounds)]
    raw, product = (statistics.median(rates) for rates in zip(*measured, strict=True))
    figures = {"raw_pages_per_second": raw, "pages_per_second": product, "share_of_raw": product / raw}
    if options.json:
        print(json.dumps({name: round(value, 3) for name, value in figures.items()}))
    else:
        print_conditions("kreuzberg", "qdrant-edge-py")
        print(f"{len(files)} PDF files, {workers} parsers, median of {rounds} rounds")
        print(f"raw parser: {raw:.1f} pages/s; upload until found by words: {product:.1f} pages/s")
        print(f"product against raw: {product / raw:.1%} (target {SHARE_OF_RAW:.0%})")
    return int(product <= 0) if options.self_check else int(product / raw < SHARE_OF_RAW)


def raw_rate(files: Sequence[Path], workers: int) -> float:
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(_pages, [files[0]] * workers))  # the children have started and imported the parser
        began = time.perf_counter()
        pages = sum(pool.map(_pages, files[1:] or files))
        return pages / (time.perf_counter() - began)


def product_rate(files: Sequence[Path]) -> float:
    with (
        tempfile.TemporaryDirectory(prefix="ragkeeper-bench-") as folder,
        serving(Path(folder)) as server,
        server.client() as client,
        ThreadPoolExecutor(4) as pool,
    ):
        _upload(client, files[0])
        warming = {document["id"] for document in _when(client, _DONE)}
        list(pool.map(lambda file: _upload(client, file), files[1:]))
        found_all = _when(client, _WORDS_FOUND)
        documents = [document for document in found_all if document["id"] not in warming] or found_all
    began = min(_time(document["version"]["created_at"]) for document in documents)
    found = max(_time(document["version"]["searchable_at"]) for document in documents)
    return float(sum(document["version"]["pages"] for document in documents) / (found - began))


def _pages(file: Path) -> int:
    config = kreuzberg.ExtractionConfig(
        use_cache=False,
        pages=kreuzberg.PageConfig(extract_pages=True),
        concurrency=kreuzberg.ConcurrencyConfig(max_threads=1),
    )
    return len(kreuzberg.extract_bytes_sync(file.read_bytes(), "application/pdf", config).pages or ())


def _upload(client: Client, file: Path) -> None:
    with file.open("rb") as content:
        client.upload(_DOCUMENTS, file.name, content, {})


def _when(client: Client, statuses: Collection[str]) -> list[dict[str, Any]]:
    """All documents once each has one of the statuses; asked rarely, since the server's own clock is what counts."""
    while True:
        documents: list[dict[str, Any]] = client.get(_DOCUMENTS, limit=500)["items"]
        if failed := [document["name"] for document in documents if document["status"] == "failed"]:
            raise SystemExit(f"not read: {failed}")
        if all(document["status"] in statuses for document in documents):
            return documents
        time.sleep(0.5)


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=DATA / "docugami-sec10q" / "pdf")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
