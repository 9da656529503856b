"""What the history costs: time of a look and of a write, bytes of a row and of all that is kept.

    python -m bench.history [--json]

A busy server is imitated: every metric of the table has its series, forty routes with three statuses each, and all
change between looks. Looks happen four times a minute, writes once. Targets: 150 ms of processor time a minute, that is
a quarter of a percent of one core, and 40 MB in all.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from sqlalchemy import func, select

from bench.conditions import print_conditions
from ragkeeper.core.foreground import Foreground
from ragkeeper.core.instruments import Counter, Gauge, Histogram, Metric
from ragkeeper.core.metrics import HTTP_REQUESTS, HTTP_SECONDS, TABLE, Metrics
from ragkeeper.operations.history.models import PERIODS_KEPT
from ragkeeper.operations.history.recorder import HistoryRecorder
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.migrate import upgrade_schema
from ragkeeper.storage.sql.tables import history

MOST_MILLISECONDS, MOST_MEGABYTES = 150.0, 40.0
_LOOKS = 4
_ROUTES = 40


def main() -> int:
    options = _options()
    found = asyncio.run(measure(5 if options.self_check else 60))
    if options.json:
        print(json.dumps(found))
    else:
        print_conditions("prometheus-client", "sqlalchemy")
        print(f"{found['series']:.0f} series; a look {found['look_ms']:.1f} ms, a write {found['write_ms']:.1f} ms")
        print(f"in a minute {found['minute_ms']:.1f} ms of processor time (target {MOST_MILLISECONDS:.0f})")
        print(f"a row {found['row_bytes']:.0f} bytes, all rows {found['all_mb']:.1f} MB (target {MOST_MEGABYTES:.0f})")
    if options.self_check:
        return int(not (found["row_bytes"] > 100 and found["look_ms"] > 0))
    return int(found["minute_ms"] > MOST_MILLISECONDS or found["all_mb"] > MOST_MEGABYTES)


async def measure(minutes: int) -> dict[str, float]:
    """Means and medians over so many minutes, which pass as fast as they can."""
    metrics, chance = Metrics(), random.Random(1)  # noqa: S311 - not a secret
    now = datetime(2026, 11, 21, tzinfo=UTC)
    looks, writes, passed = [], [], 0.0
    with tempfile.TemporaryDirectory(prefix="ragkeeper-bench-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'history.db'}")
        await upgrade_schema(database)
        recorder = HistoryRecorder(
            database,
            metrics,
            _nothing,
            lambda: now + timedelta(seconds=passed),
            Foreground(),
            lambda: "",
            lambda: passed,
        )
        began, busy = time.process_time(), 0.0
        for number in range(minutes * _LOOKS):
            before = time.process_time()
            _work(metrics, chance)
            busy += time.process_time() - before
            passed += 60 / _LOOKS
            looks.append(await _timed(recorder.look()))
            if number % _LOOKS == _LOOKS - 1:
                writes.append(await _timed(recorder.write(now + timedelta(seconds=passed))))
        spent = time.process_time() - began - busy
        async with database.read() as sql:
            size = float((await sql.execute(select(func.avg(func.length(history.c.figures))))).scalar_one())
        await database.close()
    return {
        "series": sum(len(family.samples) for family in metrics.families()),
        "look_ms": 1000 * median(looks),
        "write_ms": 1000 * median(writes),
        "minute_ms": 1000 * spent / minutes,
        "row_bytes": size,
        "all_mb": size * sum(PERIODS_KEPT.values()) / 1e6,
    }


async def _nothing() -> None:
    pass


async def _timed(work: Awaitable[None]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


def _work(metrics: Metrics, chance: random.Random) -> None:
    for metric in TABLE:
        for labels in _some_labels(metric):
            _change(metrics, metric, labels, chance)
    for route in range(_ROUTES):
        for status in ("200", "404", "503"):
            metrics.count(HTTP_REQUESTS, chance.randrange(9), method="GET", path=f"/route/{route}", status=status)
        metrics.observe(HTTP_SECONDS, chance.expovariate(5), method="GET", path=f"/route/{route}")


def _some_labels(metric: Metric) -> list[dict[str, str]]:
    """All values that the table names, and two of what it leaves open."""
    found: list[dict[str, str]] = [{}]
    for label in metric.labels:
        found = [{**one, label.name: value} for one in found for value in label.values or ("first", "second")]
    return found[:50]


def _change(metrics: Metrics, metric: Metric, labels: dict[str, str], chance: random.Random) -> None:
    if isinstance(metric, Counter):
        metrics.count(metric, chance.randrange(100), **labels)
    elif isinstance(metric, Gauge):
        metrics.set(metric, chance.random() * 1e9, **labels)
    elif isinstance(metric, Histogram):
        metrics.observe(metric, chance.expovariate(5), **labels)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
