"""What metrics and logs cost searches.

    python -m bench.metrics_cost [--chunks 10000] [--rounds 60] [--json]

A real server on a prepared folder (see bench/prepared.py), with its log in a file, answers the same searches in short
rounds, two at a time. In one round of two it counts and logs, and is scraped once in its ten to fifteen seconds, twice
as often as the exported configuration does it; in the other it counts nothing, writes no log and is not scraped: a
signal switches. It is one process for both, since two of the same program differ by more than what is looked for; who
begins changes with each pair of rounds. The pairs' ratios are compared by their median, with the interval that would
hold it in nine of ten such runs. Beside the searches lost stands the processor time of a search, which a noisy machine
disturbs less. Target: at most 3 % fewer searches in the same time.
"""

import argparse
import asyncio
import json
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from bench import load, loopback, prepared
from bench.conditions import print_conditions
from bench.processes import processor_seconds
from bench.server import Server, serving
from ragkeeper.core.instruments import Counter, Gauge, Histogram
from ragkeeper.core.metrics import Metrics
from ragkeeper.core.settings import load_settings
from ragkeeper.entrypoints.logs import logging_by
from ragkeeper.entrypoints.server import serve

MOST_LOST = 0.03
_AT_ONCE = 2
_SCRAPED_EVERY = 12  # rounds that count
_SETTLE = 30.0  # seconds until the work that follows a start is done
_SWITCHED = 0.3  # seconds until what was asked before is counted, logged and written
_SERVE = "--serve-switched"
_SWITCH = signal.SIGUSR2


class Switch(Metrics):
    """Counts while it is on; as a processor of structlog, lets records pass while it is on."""

    is_on = True

    def flip(self, *_signal: object) -> None:
        self.is_on = not self.is_on

    def pass_on(self, _logger: Any, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if not self.is_on:
            raise structlog.DropEvent
        return record

    def count(self, counter: Counter, by: float = 1, /, **labels: str) -> None:
        if self.is_on:
            super().count(counter, by, **labels)

    def set(self, gauge: Gauge, value: float, /, **labels: str) -> None:
        if self.is_on:
            super().set(gauge, value, **labels)

    def observe(self, histogram: Histogram, value: float, /, **labels: str) -> None:
        if self.is_on:
            super().observe(histogram, value, **labels)

    def reached(self, counter: Counter, total: float, /, **labels: str) -> None:
        if self.is_on:
            super().reached(counter, total, **labels)

    def replace(self, gauge: Gauge, values: Mapping[Any, float], /) -> None:
        if self.is_on:
            super().replace(gauge, values)


@dataclass(frozen=True, slots=True)
class Round:
    """searches: a second. processor: seconds of the server's process for each search."""

    searches: float
    processor: float


Pair = tuple[Round, Round]
"""With metrics and logs, and without."""


def main() -> int:
    options = _options()
    if options.serve_switched:
        _serve_switched()
        return 0
    if not prepared.DATA.exists():
        print(f"no data at {prepared.DATA}")
        return 0 if options.self_check else 3
    if options.self_check:
        options.chunks, options.rounds = 500, 2
    n_searches = 20 if options.self_check else 150
    with tempfile.TemporaryDirectory(prefix="ragkeeper-bench-") as name:
        shutil.copytree(prepared.prepared(options.chunks) / "data", Path(name) / "data")
        with serving(Path(name), command=(sys.executable, "-m", "bench.metrics_cost", _SERVE)) as server:
            time.sleep(0 if options.self_check else _SETTLE)
            pairs = asyncio.run(measure(server, n_searches, options.rounds))
            _check(server, asked=(options.rounds + 1) * n_searches)
    return _told(options, pairs, n_searches)


def _serve_switched() -> None:
    settings, switch = load_settings(), Switch()
    signal.signal(_SWITCH, switch.flip)
    with logging_by(settings):
        structlog.get_config()["processors"].insert(0, switch.pass_on)
        serve(settings, switch)


async def measure(server: Server, n_searches: int, rounds: int) -> list[Pair]:
    """So many rounds of each kind; the server counts again at the end."""
    searches = [load.Request.of("/api/v1/search", {"query": question}) for question in prepared.questions(n_searches)]
    await load.run(server.address, server.key, searches, _AT_ONCE)
    pairs: list[Pair] = []
    is_on = True
    for number in range(rounds):
        found: dict[bool, Round] = {}
        # The side that ended a pair begins the next one: one switch for each pair.
        for side in (is_on, not is_on):
            if side is not is_on:
                _flip(server)
            found[side] = await _round(server, searches, scraped=side and number % _SCRAPED_EVERY == 0)
            is_on = side
        pairs.append((found[True], found[False]))
    if not is_on:
        _flip(server)
    return pairs


def _flip(server: Server) -> None:
    """Between what was asked before, whose last record may come after its answer, and what is asked then."""
    time.sleep(_SWITCHED)
    server.process.send_signal(_SWITCH)
    time.sleep(_SWITCHED)


async def _round(server: Server, searches: list[load.Request], *, scraped: bool) -> Round:
    before = processor_seconds(server.process.pid)
    scraping = asyncio.create_task(_scrape(server)) if scraped else None
    found = await load.run(server.address, server.key, searches, _AT_ONCE)
    if scraping is not None:
        await scraping
    spent = processor_seconds(server.process.pid) - before
    return Round(len(searches) / found.seconds, spent / len(searches))


async def _scrape(server: Server) -> None:
    connection = await load.Connection.open(server.address, server.key)  # the server closes those that rest
    await connection.send(load.Request("/metrics"))
    await connection.close()


def _check(server: Server, asked: int) -> None:
    """Raises SystemExit when the server counted or logged other searches than those of its rounds that do."""
    lines = loopback.get(f"{server.address}/metrics", 30).text.splitlines()
    counts = [line.rpartition(" ")[2] for line in lines if line.startswith("vector_search_duration_seconds_count")]
    counted = sum(float(count) for count in counts)
    logged = server.log.read_text(encoding="utf-8").count('"route": "/api/v1/search"')
    if (counted, logged) != (asked, asked):
        raise SystemExit(f"{asked} searches were to be counted and logged: {counted:g} and {logged} were")


def _told(options: argparse.Namespace, pairs: list[Pair], n_searches: int) -> int:
    lost = [1 - on.searches / off.searches for on, off in pairs]
    more = [on.processor / off.processor - 1 for on, off in pairs]
    if options.json:
        print(json.dumps({"lost": statistics.median(lost), "processor_more": statistics.median(more)}))
    else:
        print_conditions("uvicorn", "fastapi", "prometheus-client", "structlog")
        print(f"{options.chunks} chunks, {len(pairs)} pairs of rounds of {n_searches} searches, {_AT_ONCE} at a time")
        on, off = (statistics.median(one.searches for one in side) for side in zip(*pairs, strict=True))
        print(f"with metrics and logs {on:.1f}/s, without {off:.1f}/s; ", end="")
        print(f"searches lost: {_median(lost)} (target {MOST_LOST:.0%})")
        on, off = (statistics.median(one.processor for one in side) * 1000 for side in zip(*pairs, strict=True))
        print(f"processor time of a search {on:.2f} ms, without {off:.2f} ms; more: {_median(more)}")
    return 0 if options.self_check else int(statistics.median(lost) > MOST_LOST)


def _median(shares: list[float]) -> str:
    """With its interval, from the shares drawn anew many times (bootstrap)."""
    dice = random.Random(1)  # noqa: S311 - no secret
    medians = [statistics.median(dice.choices(shares, k=len(shares))) for _ in range(1000)]
    low, high = np.percentile(medians, [5, 95])
    return f"{statistics.median(shares):.1%} ({low:.1%} to {high:.1%})"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=60, help="of each kind")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    parser.add_argument(_SERVE, action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
