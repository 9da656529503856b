"""What metrics and logs cost searches.

    python -m bench.metrics_cost [--chunks 10000] [--pairs 4] [--rounds 8] [--json]

Two real servers on copies of a prepared folder (see bench/prepared.py): one as it is, with its log in a file, scraped
once in its ten to fifteen seconds, twice as often as the exported configuration does it; the other counts nothing,
writes no log and is not scraped. They answer the same searches in short rounds in turns, two at a time, so that both
meet the same noise, once the work that follows a start is done. Two processes of the same program differ by some
percent too, so several pairs are started, one side first and then the other, and the median pair counts. Beside the
searches lost stands the processor time of a search, which a noisy machine disturbs less. Target: at most 3 % fewer
searches in the same time.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench import load, prepared
from bench.conditions import print_conditions
from bench.processes import processor_seconds
from bench.server import Server, serving
from ragkeeper.core.instruments import Counter, Gauge, Histogram
from ragkeeper.core.metrics import Metrics
from ragkeeper.core.settings import load_settings
from ragkeeper.core.telemetry import configure_logging
from ragkeeper.entrypoints.server import serve

MOST_LOST = 0.03
_AT_ONCE = 2
_SCRAPED_EVERY = 12  # rounds
_SETTLE = 30.0  # seconds
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
    if options.self_check:
        options.chunks, options.pairs, options.rounds = 500, 1, 2
    n_searches = 20 if options.self_check else 150
    with tempfile.TemporaryDirectory(prefix="ragkeeper-bench-") as name:
        for copy in ("on", "off"):
            shutil.copytree(prepared.prepared(options.chunks) / "data", Path(name) / copy / "data")
        pairs = [_pair(Path(name), number, options, n_searches) for number in range(options.pairs)]
    return _told(options, pairs, n_searches)


def _pair(folder: Path, number: int, options: argparse.Namespace, n_searches: int) -> "Sides":
    """Raises SystemExit when the servers are not what they should be."""
    plain = (sys.executable, "-m", "bench.metrics_cost", _UNCOUNTED)
    commands = {"on": None, "off": plain}
    with ExitStack() as stack:
        started = {
            side: stack.enter_context(serving(folder / side, command=commands[side]))
            for side in sorted(commands, reverse=number % 2 == 0)
        }
        counting, uncounted = started["on"], started["off"]
        time.sleep(0 if options.self_check else _SETTLE)
        sides = asyncio.run(measure(counting, uncounted, n_searches, options.rounds))
        counted = [_searches_counted(server) for server in (counting, uncounted)]
    if counted[0] == 0 or counted[1] != 0:
        raise SystemExit(f"the servers are not what they should be: {counted} searches counted")
    return sides


def _told(options: argparse.Namespace, pairs: list["Sides"], n_searches: int) -> int:
    lost = [1 - off.seconds / on.seconds for on, off in pairs]
    more = [on.processor / off.processor - 1 for on, off in pairs]
    if options.json:
        print(json.dumps({"lost": statistics.median(lost), "processor_more": statistics.median(more)}))
    else:
        print_conditions("uvicorn", "fastapi", "prometheus-client", "structlog")
        print(f"{options.chunks} chunks, {len(pairs)} pairs of servers, ", end="")
        print(f"{options.rounds} rounds of {n_searches} searches each, {_AT_ONCE} at a time")
        per_second, processor = (
            [statistics.median(one) for one in zip(*both, strict=True)] for both in _figures(pairs)
        )
        print(
            f"with metrics and logs {per_second[0]:.1f}/s, without {per_second[1]:.1f}/s (medians); searches lost: ",
            end="",
        )
        print(f"{statistics.median(lost):.1%} (target {MOST_LOST:.0%}), of the pairs {_listed(lost)}")
        print(f"processor time of a search {processor[0]:.2f} ms, without {processor[1]:.2f} ms: ", end="")
        print(f"{statistics.median(more):.1%} more, of the pairs {_listed(more)}")
    return 0 if options.self_check else int(statistics.median(lost) > MOST_LOST)


def _figures(pairs: list["Sides"]) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Searches a second, and milliseconds of processor time each: with and without, of each pair."""
    per_second = [(on.per_second, off.per_second) for on, off in pairs]
    return per_second, [(on.processor_ms, off.processor_ms) for on, off in pairs]


def _listed(shares: list[float]) -> str:
    return ", ".join(f"{share:.1%}" for share in sorted(shares))


@dataclass(slots=True)
class Side:
    """One server's rounds together. processor: seconds."""

    server: Server
    searches: int = 0
    seconds: float = 0.0
    processor: float = 0.0

    @property
    def per_second(self) -> float:
        return self.searches / self.seconds

    @property
    def processor_ms(self) -> float:
        return self.processor / self.searches * 1000

    async def round(self, searches: list[load.Request], *, scraped: bool) -> None:
        pid = self.server.process.pid
        before = processor_seconds(pid)
        scraping = asyncio.create_task(_scrape(self.server)) if scraped else None
        found = await load.run(self.server.address, self.server.key, searches, _AT_ONCE)
        if scraping is not None:
            await scraping
        self.searches += len(searches)
        self.seconds += found.seconds
        self.processor += processor_seconds(pid) - before


Sides = tuple[Side, Side]


async def measure(counting: Server, uncounted: Server, n_searches: int, rounds: int) -> Sides:
    """The counting one and the other; who begins a round changes."""
    searches = [load.Request.of("/api/v1/search", {"query": question}) for question in prepared.questions(n_searches)]
    for server in (counting, uncounted):
        await load.run(server.address, server.key, searches, _AT_ONCE)
    on, off = Side(counting), Side(uncounted)
    for number in range(rounds):
        for side in (on, off) if number % 2 else (off, on):
            await side.round(searches, scraped=side is on and number % _SCRAPED_EVERY == 0)
    return on, off


async def _scrape(server: Server) -> None:
    connection = await load.Connection.open(server.address, server.key)  # the server closes those that rest
    await connection.send(load.Request("/metrics"))
    await connection.close()


def _searches_counted(server: Server) -> float:
    lines = httpx.get(f"{server.address}/metrics").text.splitlines()
    counts = [line.rpartition(" ")[2] for line in lines if line.startswith("vector_search_duration_seconds_count")]
    return sum(float(count) for count in counts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    parser.add_argument(_UNCOUNTED, action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
