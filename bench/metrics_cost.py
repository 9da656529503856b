"""What metrics and logs cost searches.

    python -m bench.metrics_cost [--chunks 10000] [--rounds 12] [--json]

Two real servers on copies of a prepared folder (see bench/prepared.py): one as it is, scraped every second, with its
log in a file; the other counts nothing, writes no log and is not scraped. They answer the same searches in turns, two
at a time, so that both meet the same noise. A round's figure is one server's searches per second; the rounds' ratios
are compared by their median. Target: at most 3 % fewer searches.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import httpx

from bench import load, prepared
from bench.conditions import print_conditions
from bench.server import Server, serving
from ragkeeper.core.instruments import Counter, Gauge, Histogram
from ragkeeper.core.metrics import Metrics
from ragkeeper.core.settings import load_settings
from ragkeeper.core.telemetry import configure_logging
from ragkeeper.entrypoints.server import serve

MOST_LOST = 0.03
_AT_ONCE = 2
_SCRAPED_EVERY = 1.0
_UNCOUNTED = "--serve-uncounted"


class NoMetrics(Metrics):
    """Has every metric and counts nothing."""

    def count(self, counter: Counter, by: float = 1, /, **labels: str) -> None: ...
    def set(self, gauge: Gauge, value: float, /, **labels: str) -> None: ...
    def observe(self, histogram: Histogram, value: float, /, **labels: str) -> None: ...
    def reached(self, counter: Counter, total: float, /, **labels: str) -> None: ...
    def replace(self, gauge: Gauge, values: Mapping[tuple[str, ...], float], /) -> None: ...  # type: ignore[override]


def main() -> int:
    options = _options()
    if options.serve_uncounted:
        configure_logging("error")
        serve(load_settings(), NoMetrics())
        return 0
    if not prepared.DATA.exists():
        print(f"no data at {prepared.DATA}")
        return 0 if options.self_check else 3
    n_chunks, rounds, n_searches = (500, 2, 20) if options.self_check else (options.chunks, options.rounds, 200)
    with tempfile.TemporaryDirectory(prefix="ragkeeper-bench-") as name:
        for copy in ("on", "off"):
            shutil.copytree(prepared.prepared(n_chunks) / "data", Path(name) / copy / "data")
        plain = (sys.executable, "-m", "bench.metrics_cost", _UNCOUNTED)
        with serving(Path(name) / "on") as counting, serving(Path(name) / "off", command=plain) as uncounted:
            pairs = asyncio.run(measure(counting, uncounted, n_searches, rounds))
            counted = [_searches_counted(server) for server in (counting, uncounted)]
    if counted[0] == 0 or counted[1] != 0:
        print(f"the servers are not what they should be: {counted} searches counted")
        return 1
    return _told(options, pairs, n_chunks, n_searches)


def _told(options: argparse.Namespace, pairs: list[tuple[float, float]], n_chunks: int, n_searches: int) -> int:
    ratios = [on / off for on, off in pairs]
    lost = 1 - statistics.median(ratios)
    if options.json:
        print(json.dumps({"lost": lost, "ratios": ratios}))
    else:
        print_conditions("uvicorn", "fastapi", "prometheus-client", "structlog")
        print(f"{n_chunks} chunks, {len(pairs)} rounds of {n_searches} searches each, {_AT_ONCE} at a time")
        on, off = (statistics.median(side) for side in zip(*pairs, strict=True))
        print(f"with metrics and logs {on:.0f}/s, without {off:.0f}/s (medians)")
        print(f"searches lost, median of the rounds: {lost:.1%} (target {MOST_LOST:.0%}); ", end="")
        print(f"the rounds' ratios from {min(ratios):.3f} to {max(ratios):.3f}")
    return 0 if options.self_check else int(lost > MOST_LOST)


async def measure(counting: Server, uncounted: Server, n_searches: int, rounds: int) -> list[tuple[float, float]]:
    """Searches a second of both, by round; who begins changes."""
    searches = [load.Request.of("/api/v1/search", {"query": question}) for question in prepared.questions(n_searches)]
    pairs: list[tuple[float, float]] = []
    for number in range(-1, rounds):  # the first round warms both
        found = {}
        for server in (counting, uncounted) if number % 2 else (uncounted, counting):
            scraping = asyncio.create_task(_scrape(server)) if server is counting else None
            found[server.address] = await load.run(server.address, server.key, searches, _AT_ONCE)
            if scraping is not None:
                scraping.cancel()
                with suppress(asyncio.CancelledError):
                    await scraping
        if number >= 0:
            pairs.append((found[counting.address].per_second, found[uncounted.address].per_second))
    return pairs


async def _scrape(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.address) as http:
        while True:
            await http.get("/metrics")
            await asyncio.sleep(_SCRAPED_EVERY)


def _searches_counted(server: Server) -> float:
    lines = httpx.get(f"{server.address}/metrics").text.splitlines()
    counts = [line.rpartition(" ")[2] for line in lines if line.startswith("vector_search_duration_seconds_count")]
    return sum(float(count) for count in counts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    parser.add_argument(_UNCOUNTED, action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
