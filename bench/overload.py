"""Five times as many searches as the server can answer: how the accepted ones fare, and how soon the others know.

    python -m bench.overload [--chunks 10000] [--seconds 20] [--times 5] [--json]

A real server on a prepared folder (see bench/prepared.py). First one search after another (unloaded), then as many as
it answers when asked by four at a time (its capacity), then searches that arrive at random times, so many times the
capacity, whether earlier ones were answered or not. Targets: the accepted ones' p95 at most twice the unloaded one; the
others refused within 10 ms (p95), each with Retry-After. The clients run on the same processor as the server, and take
a good part of it: `control` is one search after another while the same load goes to a program that only refuses, so
that what overload does to the server is told apart from what the clients do to the machine.
"""

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench import load, prepared
from bench.conditions import print_conditions
from bench.refuser import refusing
from bench.server import Server, serving

RATIO = 2.0
REFUSED_MS = 10.0
_CONNECTIONS = 200
_AT_ONCE = 10
_OK, _REFUSED = 200, 503


@dataclass(slots=True)
class Outcome:
    """Milliseconds from the arrival of a search to the end of its answer. late: arrivals without a free connection."""

    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    others: int = 0
    without_retry_after: int = 0
    late: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    unloaded: load.Load
    control: load.Load
    capacity: float
    outcome: Outcome

    @property
    def accepted_p95(self) -> float:
        return float(np.percentile(self.outcome.accepted, 95)) if self.outcome.accepted else float("inf")

    @property
    def refused_p95(self) -> float:
        return float(np.percentile(self.outcome.refused, 95)) if self.outcome.refused else 0.0

    @property
    def ratio(self) -> float:
        return self.accepted_p95 / self.unloaded.percentile(95)

    @property
    def control_ratio(self) -> float:
        return self.accepted_p95 / self.control.percentile(95)


def main() -> int:
    options = _options()
    if not prepared.DATA.exists():
        print(f"no data at {prepared.DATA}")
        return 0 if options.self_check else 3
    n_chunks, seconds, n_searches = (500, 1.0, 30) if options.self_check else (options.chunks, options.seconds, 500)
    with tempfile.TemporaryDirectory(prefix="ragkeeper-bench-") as name:
        shutil.copytree(prepared.prepared(n_chunks) / "data", Path(name) / "data")
        with serving(Path(name)) as server:
            measured = asyncio.run(measure(server, n_searches, seconds, options.times))
    _show(measured, options, n_chunks, seconds)
    outcome = measured.outcome
    if options.self_check:
        return int(not outcome.accepted or not outcome.refused or bool(outcome.others))
    missed = measured.ratio > RATIO or measured.refused_p95 > REFUSED_MS
    return int(missed or bool(outcome.others) or bool(outcome.without_retry_after))


def _show(measured: Measured, options: argparse.Namespace, n_chunks: int, seconds: float) -> None:
    outcome = measured.outcome
    if options.json:
        figures = {"ratio": measured.ratio, "accepted_p95_ms": measured.accepted_p95}
        figures["control_ratio"] = measured.control_ratio
        print(json.dumps(figures | {"refused_p95_ms": measured.refused_p95, "capacity": measured.capacity}))
        return
    print_conditions("qdrant-edge-py", "onnxruntime", "uvicorn", "fastapi")
    print(f"{n_chunks} chunks; unloaded: {measured.unloaded}; capacity {measured.capacity:.0f}/s")
    asked = len(outcome.accepted) + len(outcome.refused) + outcome.others
    print(f"{options.times:g} times the capacity for {seconds:g} s: {asked / outcome.seconds:.0f}/s arrived")
    rate = len(outcome.accepted) / outcome.seconds
    print(f"accepted: {len(outcome.accepted)} ({rate:.0f}/s), p50 {np.median(outcome.accepted):.1f} ms, ", end="")
    print(f"p95 {measured.accepted_p95:.1f} ms: {measured.ratio:.2f} times the unloaded p95 (target {RATIO:.0f})")
    control = measured.control.percentile(95)
    print(f"control, the same load on a program that refuses: p95 {control:.1f} ms; the accepted ones' is ", end="")
    print(f"{measured.control_ratio:.2f} times that")
    print(f"refused: {len(outcome.refused)}, p95 {measured.refused_p95:.1f} ms (target {REFUSED_MS:.0f})")
    print(f"other answers: {outcome.others}; without Retry-After: {outcome.without_retry_after}; late: {outcome.late}")


async def measure(server: Server, n_searches: int, seconds: float, times: float) -> Measured:
    searches = [load.Request.of("/api/v1/search", {"query": question}) for question in prepared.questions(n_searches)]
    await load.run(server.address, server.key, searches[:50], 1)
    unloaded = await load.run(server.address, server.key, searches, 1)
    capacity = (await load.run(server.address, server.key, searches, 4)).per_second
    with refusing() as address:
        beside = asyncio.create_task(flood(address, "", searches, times * capacity, seconds))
        control = await _until(beside, server, searches)
    outcome = await flood(server.address, server.key, searches, times * capacity, seconds)
    return Measured(unloaded, control, capacity, outcome)


async def _until(done: asyncio.Task[Outcome], server: Server, searches: list[load.Request]) -> load.Load:
    """One search after another until that is done."""
    milliseconds: list[float] = []
    began = time.perf_counter()
    while not done.done():
        some = searches[len(milliseconds) % len(searches) :][:_AT_ONCE]
        milliseconds += (await load.run(server.address, server.key, some, 1)).milliseconds
    await done
    return load.Load(milliseconds, time.perf_counter() - began, [])


async def flood(address: str, key: str, searches: list[load.Request], per_second: float, seconds: float) -> Outcome:
    """Searches that arrive at random times, on average so many a second."""
    everyone = [await load.Connection.open(address, key) for _ in range(_CONNECTIONS)]
    # In turns: the server closes a connection that rests.
    free, outcome, dice = deque(everyone), Outcome(), random.Random(1)  # noqa: S311 - no secret
    tasks: set[asyncio.Task[None]] = set()

    async def ask(connection: load.Connection, request: load.Request, arrived: float) -> None:
        status, headers, _ = await connection.exchange(request)
        _note(outcome, status, headers, (time.perf_counter() - arrived) * 1000)
        free.append(connection)

    began = arrival = time.perf_counter()
    while arrival < began + seconds:
        arrival += dice.expovariate(per_second)
        if (wait := arrival - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        if not free:
            outcome.late += 1
            continue
        task = asyncio.create_task(ask(free.popleft(), dice.choice(searches), time.perf_counter()))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    outcome.seconds = time.perf_counter() - began
    for connection in everyone:
        await connection.close()
    return outcome


def _note(outcome: Outcome, status: int, headers: dict[str, str], milliseconds: float) -> None:
    if status == _OK:
        outcome.accepted.append(milliseconds)
    elif status == _REFUSED:
        outcome.refused.append(milliseconds)
        outcome.without_retry_after += "retry-after" not in headers
    else:
        outcome.others += 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--times", type=float, default=5.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
