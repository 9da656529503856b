"""How long the search index takes to be built anew from SQL while the server answers, and what searches notice of it.

    python -m bench.reindex [--chunks 100000] [--searches 400] [--json]

A real server process on a prepared folder (see bench/prepared.py) builds its index anew twice by
`POST /api/v1/index/rebuild`: alone, and while real questions come one after the other, as fast as they are answered; a
search that fails ends the program. The same questions must give the same five best results afterwards, but for what
two graphs over the same vectors find by chance. Target: 100,000 chunks alone in 30 s; what searches add to it is told.
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
_POLL_SECONDS = 0.1
_RUNNING = frozenset({"queued", "running"})


@dataclass(slots=True)
class Measured:
    """alone, seconds: from the request to the job's end, the second with searches beside it; during: those searches.

    equal: share of the five best hits; processor: seconds of the server and its builder while alone.
    """

    alone: float
    processor: float
    seconds: float
    chunks: int
    idle: load.Load
    during: list[float] = field(default_factory=list)
    equal: float = 0.0

    def figures(self) -> dict[str, float]:
        during = load.Load(self.during, self.seconds, [])
        return {
            "chunks": self.chunks,
            "seconds": round(self.alone, 1),
            "processor_seconds": round(self.processor, 1),
            "beside_searches_seconds": round(self.seconds, 1),
            "idle_p50_ms": round(self.idle.percentile(50), 2),
            "idle_p95_ms": round(self.idle.percentile(95), 2),
            "during_p50_ms": round(during.percentile(50), 2),
            "during_p95_ms": round(during.percentile(95), 2),
            "during_slowest_ms": round(max(self.during), 1),
            "searches_during": len(self.during),
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
    probes = searches[:_PROBES]
    await load.run(*where, probes, 1)
    idle = await load.run(*where, searches, 1)
    before = await load.run(*where, probes, 1)
    with server.client() as client:
        alone, processor = _rebuild_alone(server, client)
        began = time.monotonic()
        job = client.post("/api/v1/index/rebuild", {})["job_id"]
        during, at = [], 0
        while _running(await asyncio.to_thread(_job, client, job)):
            some = [searches[(at + one) % len(searches)] for one in range(_AT_ONCE)]
            during += (await load.run(*where, some, 1)).milliseconds
            at += _AT_ONCE
        seconds = time.monotonic() - began
        chunks = _job(client, job)["result"]["chunks"]
        after = await load.run(*where, probes, 1)
        client.post("/api/v1/index/finish")
    pairs = [(_shown(one), _shown(other)) for one, other in zip(before.json(), after.json(), strict=True)]
    equal = sum(len(one & other) for one, other in pairs) / max(sum(len(one) for one, _ in pairs), 1)
    return Measured(alone, processor, seconds, chunks, idle, during, equal)


def _rebuild_alone(server: Server, client: Client) -> tuple[float, float]:
    """(seconds from the request to the job's end, processor seconds of the server and its builder)."""
    began, used = time.monotonic(), processor_seconds(server.process.pid)
    job = client.post("/api/v1/index/rebuild", {})["job_id"]
    while _running(_job(client, job)):
        time.sleep(_POLL_SECONDS)
    seconds, processor = time.monotonic() - began, processor_seconds(server.process.pid) - used
    client.post("/api/v1/index/finish")
    return seconds, processor


def _running(job: dict[str, Any]) -> bool:
    if job["state"] in _RUNNING:
        return True
    if job["state"] != "done":
        raise SystemExit(f"the job ended with {job['code']}: {job['message']}")
    return False


def _job(client: Client, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/v1/index/jobs/{job_id}")
    return found


def _shown(found: dict[str, Any]) -> set[int]:
    return {hit["chunk_id"] for hit in found["results"][:5]}


def _print(figures: dict[str, float]) -> None:
    print(f"{figures['chunks']:,.0f} chunks built anew in {figures['seconds']} s (target {SECONDS:.0f} s)")
    print(f"processor time of it: {figures['processor_seconds']} s")
    print(f"beside searches without a pause: {figures['beside_searches_seconds']} s")
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
