"""PDF pages per second through the confined children, beside kreuzberg called in this process, interleaved in one run.

    python bench/parsing.py --workers 2 --rounds 3 ../shared/data/docugami-sec10q/pdf ../shared/data/files/pdf

Both sides read the same files with the same number of workers and no OCR; the pool's side includes handing
over, checking and rebuilding every document. Exit status 1 when the pool falls below --at-least of raw.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import kreuzberg

from bench.conditions import print_conditions
from ragkeeper.ingestion.errors import IngestionError
from ragkeeper.ingestion.parsers.pool import SandboxedParser


def raw_pages(path: Path) -> int:
    """Pages of one file by kreuzberg alone; 0 where it refuses the file."""
    config = kreuzberg.ExtractionConfig(
        use_cache=False,
        pages=kreuzberg.PageConfig(extract_pages=True),
        concurrency=kreuzberg.ConcurrencyConfig(max_threads=1),
    )
    try:
        return len(kreuzberg.extract_file_sync(path, "application/pdf", config).pages or ())
    except kreuzberg.KreuzbergError:
        return 0


def run_raw(files: list[Path], workers: int) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(workers) as executor:
        pages = sum(executor.map(raw_pages, files))
    return pages / (time.perf_counter() - started)


async def pool_pages(parser: SandboxedParser, path: Path) -> int:
    try:
        return len((await parser.parse(path, path.name)).pages)
    except IngestionError:
        return 0


async def run_pool(parser: SandboxedParser, files: list[Path]) -> float:
    started = time.perf_counter()
    pages = sum(await asyncio.gather(*(pool_pages(parser, path) for path in files)))
    return pages / (time.perf_counter() - started)


async def overhead_ms(parser: SandboxedParser, path: Path) -> float:
    """Median milliseconds for a small text file: what a hand-over costs."""
    times = []
    for _ in range(200):
        started = time.perf_counter()
        await parser.parse(path, path.name)
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


async def measure(files: list[Path], small: Path, workers: int, rounds: int) -> tuple[list[float], list[float], float]:
    parser = SandboxedParser(folder=small.parent, workers=workers, ocr_languages="")
    await parser.start()
    raw, pooled = [], []
    for _ in range(rounds):
        raw.append(await asyncio.to_thread(run_raw, files, workers))
        pooled.append(await run_pool(parser, files))
    overhead = await overhead_ms(parser, small)
    await parser.close()
    return raw, pooled, overhead


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folders", type=Path, nargs="*")
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--at-least", type=float, default=0.8)
    arguments.add_argument("--self-check", action="store_true", help="one small PDF, one round, no target")
    chosen = arguments.parse_args()
    if chosen.self_check:
        chosen.folders, chosen.rounds, chosen.at_least = [Path("examples/documents")], 1, 0.0
    folders = chosen.folders or [Path("../shared/data/docugami-sec10q/pdf"), Path("../shared/data/files/pdf")]
    files = sorted(path for folder in folders for path in folder.glob("*.pdf"))
    if not files:
        print("no PDF files found in", *folders)
        return 3
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.txt"
        small.write_text("A small file.\n")
        raw, pooled, overhead = asyncio.run(measure(files, small, chosen.workers, chosen.rounds))
    print_conditions("kreuzberg")
    print(f"{len(files)} files, {chosen.workers} workers, {chosen.rounds} rounds, median (all)")
    for name, rates in (("raw kreuzberg", raw), ("confined pool", pooled)):
        print(f"{name:14} {statistics.median(rates):7.1f} pages/s  ({', '.join(f'{rate:.0f}' for rate in rates)})")
    share = statistics.median(pooled) / statistics.median(raw)
    print(f"pool / raw     {share:7.2f}")
    print(f"small file     {overhead:7.2f} ms through the pool")
    return 0 if share >= chosen.at_least and min(*raw, *pooled) > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
