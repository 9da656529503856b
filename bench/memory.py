"""Memory of the server with its child processes: idle with nothing in it, and with many chunks after searches.

    python -m bench.memory [--chunks 100000] [--searches 200] [--json]

PSS (each shared page divided among its users) and RSS of `/proc/PID/smaps_rollup`, in MB of 10^6 bytes; pages of mapped
files that the kernel can drop are part of both, and shown beside. Targets: idle 400 MB, 100,000 chunks 800 MB.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from bench import load, prepared
from bench.conditions import print_conditions
from bench.processes import memory_mb
from bench.server import Server, serving

IDLE_MB, LOADED_MB = 400.0, 800.0
_SETTLE_SECONDS = 3.0


def main() -> int:
    options = _options()
    if not prepared.DATA.exists():
        print(f"no data at {prepared.DATA}")
        return 0 if options.self_check else 3
    n_chunks, searches, settle = (500, 5, 0.1) if options.self_check else (options.chunks, options.searches, None)
    settle = _SETTLE_SECONDS if settle is None else settle
    with tempfile.TemporaryDirectory(prefix="ragkeeper-bench-") as name, serving(Path(name)) as server:
        idle = _after_searches(server, 1, settle)
    with serving(prepared.prepared(n_chunks)) as server:
        loaded = _after_searches(server, searches, settle)
    if options.json:
        print(json.dumps({"idle": idle, "loaded": loaded, "chunks": n_chunks}))
    else:
        print_conditions("qdrant-edge-py", "onnxruntime")
        print(f"idle, no documents: {_line(idle)} (target {IDLE_MB:.0f} MB)")
        print(f"{n_chunks} chunks, after {searches} searches: {_line(loaded)} (target {LOADED_MB:.0f} MB)")
    if options.self_check:
        return int(idle["pss"] < 10 or loaded["pss"] < 10)
    return int(idle["pss"] > IDLE_MB or loaded["pss"] > LOADED_MB)


def _after_searches(server: Server, count: int, settle: float) -> dict[str, float]:
    requests = [load.Request.of("/api/v1/search", {"query": text}) for text in prepared.questions(count)]
    asyncio.run(load.run(server.address, server.key, requests, 1))
    time.sleep(settle)
    return memory_mb(server.process.pid)


def _line(figures: dict[str, float]) -> str:
    return (
        f"{figures['pss']:.0f} MB PSS (of it {figures['pss_file']:.0f} MB mapped files), {figures['rss']:.0f} MB RSS, "
        f"{figures['processes']:.0f} processes"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--searches", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
