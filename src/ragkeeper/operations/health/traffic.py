"""How requests fared lately, from the same counters and histograms that a scrape gives: status shows it by itself."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client.metrics_core import Metric as Family

from ragkeeper.core.figures.holdings import SQL_SECONDS
from ragkeeper.core.metrics import HTTP_REQUESTS, HTTP_SECONDS
from ragkeeper.operations.health import repository
from ragkeeper.operations.health.models import Traffic
from ragkeeper.operations.health.rules import quantile

_EVERY = 15.0
WINDOW = 300.0
"""Seconds that the figures are about; a younger server: since its start."""
# What asks how the server is says nothing about what users wait for.
_NOT_OF_USERS = ("/health", "/metrics", "/status", "unknown")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """at: seconds of a clock that only goes forward; buckets: requests by upper bound; statuses: by first digit.

    sql: statements by upper bound.
    """

    at: float
    buckets: Mapping[float, float] = field(default_factory=dict)
    statuses: Mapping[str, float] = field(default_factory=dict)
    cpu: tuple[float, float] | None = None
    sql: Mapping[float, float] = field(default_factory=dict)


class TrafficWatch:
    """families: all figures, as a scrape has them."""

    def __init__(
        self,
        families: Callable[[], Iterable[Family]],
        cpu: Callable[[], tuple[float, float] | None] = repository.cpu_times,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._families = families
        self._cpu = cpu
        self._monotonic = monotonic
        self._kept: deque[Snapshot] = deque(maxlen=int(WINDOW / _EVERY) + 1)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.look()
        self._task = asyncio.create_task(self._watch(), name="traffic")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def look(self) -> None:
        self._kept.append(self._snapshot())

    def now(self) -> Traffic:
        """From the oldest snapshot of the window until this moment."""
        newest = self._snapshot()
        within = [one for one in self._kept if newest.at - one.at <= WINDOW + _EVERY]
        return _between(within[0] if within else Snapshot(newest.at), newest)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            # Thousands of figures: requests, probes above all, need not wait until all of them are read.
            self._kept.append(await asyncio.to_thread(self._snapshot))

    def _snapshot(self) -> Snapshot:
        buckets: dict[float, float] = {}
        sql: dict[float, float] = {}
        statuses: dict[str, float] = {}
        for family in self._families():
            for sample in family.samples:
                if sample.labels.get("path", "").startswith(_NOT_OF_USERS):
                    continue
                if sample.name == f"{HTTP_SECONDS.name}_bucket":
                    _add(buckets, float(sample.labels["le"]), sample.value)
                elif sample.name == f"{SQL_SECONDS.name}_bucket":
                    _add(sql, float(sample.labels["le"]), sample.value)
                elif sample.name == HTTP_REQUESTS.name:
                    digit = sample.labels["status"][:1]
                    statuses[digit] = statuses.get(digit, 0.0) + sample.value
        return Snapshot(self._monotonic(), buckets, statuses, self._cpu(), sql)


def _add(buckets: dict[float, float], bound: float, count: float) -> None:
    buckets[bound] = buckets.get(bound, 0.0) + count


def _since(old: Mapping[float, float], new: Mapping[float, float]) -> dict[float, float]:
    return {bound: count - old.get(bound, 0.0) for bound, count in sorted(new.items())}


def _between(old: Snapshot, new: Snapshot) -> Traffic:
    seconds = max(new.at - old.at, 0.001)
    buckets = _since(old.buckets, new.buckets)
    statuses = {digit: count - old.statuses.get(digit, 0.0) for digit, count in new.statuses.items()}
    total = sum(statuses.values())
    return Traffic(
        seconds=round(seconds, 1),
        requests=int(total),
        per_second=round(total / seconds, 3),
        p50=quantile(buckets, 0.5),
        p95=quantile(buckets, 0.95),
        p99=quantile(buckets, 0.99),
        error_share=round(statuses.get("5", 0.0) / total, 4) if total else None,
        refused_share=round(statuses.get("4", 0.0) / total, 4) if total else None,
        cpu_share=_cpu_share(old.cpu, new.cpu),
        sql_p95=quantile(_since(old.sql, new.sql), 0.95),
    )


def _cpu_share(old: tuple[float, float] | None, new: tuple[float, float] | None) -> float | None:
    if old is None or new is None or new[1] <= old[1]:
        return None
    return round(min(max((new[0] - old[0]) / (new[1] - old[1]), 0.0), 1.0), 4)
