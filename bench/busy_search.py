"""Searches while ingestion runs flat out, against the same searches on the quiet server.

    python -m bench.busy_search [--chunks 10000] [--files 3000] [--json]

A real server on a prepared folder (see bench/prepared.py) answers real questions one after another: first with nothing
else to do, then while it reads, embeds and indexes small Markdown files that were queued before. Target: the busy p95
at most twice the idle one.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench import load, prepared, small_files
from bench.conditions import print_conditions
from bench.server import Server, serving

RATIO = 2.0


@dataclass(frozen=True, slots=True)
class Measured:
    """left: files that still waited when the last busy search was answered."""

    idle: load.Load
    busy: load.Load
    left: int

    @property
    def ratio(self) -> float:
        return self.busy.percentile(95) / self.idle.percentile(95)


def main() -> int:
    options = _options()
    if not prepared.DATA.exists():
        print(f"no data at {prepared.DATA}")
        return 0 if options.self_check else 3
    n_chunks, n_files, n_searches = (500, 60, 5) if options.self_check else (options.chunks, options.files, 1000)
    with tempfile.TemporaryDirectory(prefix="ragkeeper-bench-") as name:
        # The prepared folder is kept for others: files are added to a copy.
        shutil.copytree(prepared.prepared(n_chunks) / "data", Path(name) / "data")
        with serving(Path(name)) as server:
            measured = asyncio.run(measure(server, n_files, n_searches))
    if options.json:
        print(json.dumps({"idle_p95_ms": measured.idle.percentile(95), "busy_p95_ms": measured.busy.percentile(95)}))
    else:
        print_conditions("qdrant-edge-py", "onnxruntime", "uvicorn", "fastapi")
        print(f"{n_chunks} chunks, {n_files} files queued, {measured.left} still waiting at the last search")
        print(f"idle: {measured.idle}")
        print(f"busy: {measured.busy}")
        print(f"p95 busy to idle: {measured.ratio:.2f} (target {RATIO:.0f})")
    if options.self_check:
        return int(not measured.busy.milliseconds or not measured.idle.milliseconds)
    return int(measured.ratio > RATIO or not measured.left)


async def measure(server: Server, n_files: int, n_searches: int) -> Measured:
    searches = [load.Request.of("/api/v1/search", {"query": question}) for question in prepared.questions(n_searches)]
    await load.run(server.address, server.key, searches[:50], 1)
    idle = await load.run(server.address, server.key, searches, 1)
    await load.ask(server.address, server.key, load.Request.of("/api/v1/jobs/pause", {}))
    await small_files.upload(server, small_files.texts(n_files))
    await load.ask(server.address, server.key, load.Request.of("/api/v1/jobs/resume", {}))
    await asyncio.sleep(0.5)
    busy = await load.run(server.address, server.key, searches, 1)
    status = await load.ask(server.address, server.key, load.Request("/status"))
    return Measured(idle, busy, sum(status["queue"].values()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
