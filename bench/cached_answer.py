"""Answers from the cache over HTTP: latency of a lone user, and what the same answers take without it.

    python -m bench.cached_answer [--chunks 10000] [--requests 500] [--redis redis://127.0.0.1:6379/1] [--json]

A real server process on a prepared folder (see bench/prepared.py), without a model: answers are quoted, which is the
quickest way to make one. Each question is asked once, then again: of `/chat`, which also writes the exchange to the
conversation in SQL and waits for the disk, of `/v1/chat/completions`, which keeps nothing, and of `/api/v1/search`.
The disk's own time to sync a small write is printed beside. Target: p95 of `/chat` at most 5 ms.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import load, prepared
from bench.conditions import print_conditions
from bench.processes import processor_seconds
from bench.server import Server, serving

P95_MS = 5.0
_QUESTIONS = 50
_PATIENCE = 20


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one path: the first time each question is asked, every time after, and what one of these costs the server."""

    fresh: load.Load
    cached: load.Load
    processor_ms: float


def main() -> int:
    options = _options()
    if not prepared.DATA.exists():
        print(f"no data at {prepared.DATA}")
        return 0 if options.self_check else 3
    n_chunks, requests = (500, 20) if options.self_check else (options.chunks, options.requests)
    settings = {"RAG_USE_CACHE": "true"} | ({"REDIS_URL": options.redis} if options.redis else {})
    folder = prepared.prepared(n_chunks)
    with serving(folder, settings) as server:
        measured = asyncio.run(measure(server, requests))
    sync = _sync_milliseconds(Path(folder))
    figures = {"chunks": n_chunks, "sync_p95_ms": sync, **_figures(measured)}
    if options.json:
        print(json.dumps(figures))
    else:
        print_conditions("uvicorn", "fastapi", "redis")
        print(f"{n_chunks} chunks, {requests} cached answers, in {'Redis' if options.redis else 'the process'}")
        for path, one in measured.items():
            print(f"{path:22} made:   {one.fresh}\n{'':22} cached: {one.cached}")
            print(f"{'':22} cached: {one.processor_ms:.2f} ms of the server's processor time")
        print(f"a synced write of 4 kB: p95 {sync:.2f} ms; target: p95 of a cached answer of /chat {P95_MS:.0f} ms")
    if options.self_check:
        return int(not all(figures.values()))
    return int(figures["chat_cached_p95_ms"] > P95_MS)


async def measure(server: Server, requests: int) -> dict[str, Measured]:
    """Raises SystemExit when an answer that should come from the cache does not."""
    ways: dict[str, Callable[[str], dict[str, Any]]] = {
        "/chat": lambda question: {"message": question},
        "/v1/chat/completions": lambda question: {"messages": [{"role": "user", "content": question}]},
        "/api/v1/search": lambda question: {"query": question},
    }
    questions = prepared.questions(_QUESTIONS * len(ways))
    found = {}
    for number, (path, body) in enumerate(ways.items()):
        own = [load.Request.of(path, body(one)) for one in questions[number * _QUESTIONS : (number + 1) * _QUESTIONS]]
        fresh = await load.run(server.address, server.key, own, 1)
        await _until_kept(server, own)
        again = [own[place % len(own)] for place in range(requests)]
        before = processor_seconds(server.process.pid)
        cached = await load.run(server.address, server.key, again, 1)
        spent = processor_seconds(server.process.pid) - before
        missed = [answer for answer in cached.json() if not answer["cached"]]
        if missed:
            raise SystemExit(f"{path}: {len(missed)} of {requests} answers were made anew: {str(missed[0])[:300]}")
        found[path] = Measured(fresh, cached, 1000 * spent / requests)
    return found


async def _until_kept(server: Server, requests: list[load.Request]) -> None:
    """An answer for which words alone decided, because vectors took too long on a busy machine, is not kept."""
    for _ in range(_PATIENCE):
        asked = await load.run(server.address, server.key, requests, 1)
        if all(answer["cached"] for answer in asked.json()):
            return


def _figures(measured: dict[str, Measured]) -> dict[str, float]:
    costs = {f"{path.rsplit('/', 1)[-1]}_processor_ms": round(one.processor_ms, 2) for path, one in measured.items()}
    return costs | {
        f"{path.rsplit('/', 1)[-1]}_{name}_p{share}_ms": round(one.percentile(share), 2)
        for path, both in measured.items()
        for name, one in (("made", both.fresh), ("cached", both.cached))
        for share in (50, 95)
    }


def _sync_milliseconds(folder: Path) -> float:
    """p95 of appending 4 kB to a file beside the data and waiting for the disk, as each commit does."""
    spent = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(200):
            began = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            spent.append((time.perf_counter() - began) * 1000)
    return float(np.percentile(spent, 95))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--redis", help="address of a Redis that holds the cache; default: the server itself")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
