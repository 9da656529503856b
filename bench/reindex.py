"""How long the search index takes to be built anew from SQL while the server answers, and what searches notice of it.

    python -m bench.reindex [--chunks 100000] [--searches 400] [--json]

A real server process on a prepared folder (see bench/prepared.py) is asked real questions one after the other: first
with nothing else to do, then while `POST /api/v1/index/rebuild` runs; a search that fails ends the program. The same
questions must give the same five best results afterwards, but for what two graphs over the same vectors find by chance.
Target: 100,000 chunks in 30 s.
"""

import argparse
import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from bench import load, prepared
from bench.conditions import print_conditions
from bench.processes import processor_seconds
from bench.server import Server, serving
from ragkeeper.cli.client import Client

SECONDS = 30.0
EQUAL = 0.97
_PROBES = 50
_AT_ONCE = 20
_RUNNING = frozenset({"queued", "running"})


@dataclass(slots=True)
class Measured:
    """seconds: from the request to the job's end; during: searches of that time; equal: share of the five best hits.

    processor: seconds of the server and its builder, without what as many searches take when nothing else goes on.
    """

    seconds: float
    chunks: int
    idle: load.Load
    during: list[float] = field(default_factory=list)
    equal: float = 0.0
    processor: float = 0.0

    def figures(self) -> dict[str, float]:
        during = load.Load(self.during, self.seconds, [])
        return {
            "chunks": self.chunks,
            "seconds": round(self.seconds, 1),
            "idle_p50_ms": round(self.idle.percentile(50), 2),
            "idle_p95_ms": round(self.idle.percentile(95), 2),
            "during_p50_ms": round(during.percentile(50), 2),
            "during_p95_ms": round(during.percentile(95), 2),
            "during_slowest_ms": round(max(self.during), 1),
            "searches_during": len(self.during),
            "processor_seconds": round(self.processor, 1),
            "equal_hits": round(self.equal, 4),
        }


def main() -> int:
    options = _options()
    n_chunks, searches = (500, 20) if options.self_check else (options.chunks, options.searches)
    if not prepared.DATA.exists():
        print(f"no data at {prepared.DATA}")
        return 0 if options.self_check else 3
    with serving(prepared.prepared(n_chunks)) as server:
        figures = asyncio.run(measure(server, prepared.questions(searches))).figures()
    if options.json:
        print(json.dumps(figures))
    else:
        print_conditions("qdrant-edge-py", "onnxruntime", "uvicorn", "fastapi")
        _print(figures)
    if options.self_check:
        return int(figures["chunks"] != n_chunks or figures["equal_hits"] < EQUAL)
    return int(figures["seconds"] > SECONDS or figures["equal_hits"] < EQUAL)


async def measure(server: Server, questions: list[str]) -> Measured:
    where = (server.address, server.key)
    searches = [load.Request.of("/api/v1/search", {"query": query}) for query in questions]
    await load.run(*where, searches[:_PROBES], 1)
    used = processor_seconds(server.process.pid)
    idle = await load.run(*where, searches, 1)
    of_a_search = (processor_seconds(server.process.pid) - used) / len(searches)
    before = await load.run(*where, searches[:_PROBES], 1)
    with server.client() as client:
        began, used = time.monotonic(), processor_seconds(server.process.pid)
        job = client.post("/api/v1/index/rebuild", {})["job_id"]
        during, at = [], 0
        while (await asyncio.to_thread(_job, client, job))["state"] in _RUNNING:
            some = [searches[(at + one) % len(searches)] for one in range(_AT_ONCE)]
            during += (await load.run(*where, some, 1)).milliseconds
            at += _AT_ONCE
        seconds = time.monotonic() - began
        processor = processor_seconds(server.process.pid) - used - of_a_search * len(during)
        ended = _job(client, job)
        if ended["state"] != "done":
            raise SystemExit(f"the job ended with {ended['code']}: {ended['message']}")
        after = await load.run(*where, searches[:_PROBES], 1)
        client.post("/api/v1/index/finish")
    pairs = [(_shown(one), _shown(other)) for one, other in zip(before.json(), after.json(), strict=True)]
    equal = sum(len(one & other) for one, other in pairs) / max(sum(len(one) for one, _ in pairs), 1)
    return Measured(seconds, ended["result"]["chunks"], idle, during, equal, processor)


def _job(client: Client, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/v1/index/jobs/{job_id}")
    return found


def _shown(found: dict[str, Any]) -> set[int]:
    return {hit["chunk_id"] for hit in found["results"][:5]}


def _print(figures: dict[str, float]) -> None:
    print(f"{figures['chunks']:,.0f} chunks built anew in {figures['seconds']} s (target {SECONDS:.0f} s)")
    print(f"processor time of it: {figures['processor_seconds']} s")
    print(f"searches, idle: p50 {figures['idle_p50_ms']} ms, p95 {figures['idle_p95_ms']} ms")
    print(
        f"searches meanwhile ({figures['searches_during']:.0f}): p50 {figures['during_p50_ms']} ms, "
        f"p95 {figures['during_p95_ms']} ms, slowest {figures['during_slowest_ms']} ms; none failed"
    )
    print(f"of the five best hits of {_PROBES} questions, equal before and after: {figures['equal_hits']:.1%}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--searches", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
