import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ragkeeper.core.figures.holdings import CONNECTIONS, CONNECTIONS_MOST, QUEUE_OLDEST, QUEUE_STILL
from ragkeeper.core.metrics import Metrics
from ragkeeper.ingestion.holdings import QueueHoldings
from ragkeeper.operations.metrics.looks import Looks
from ragkeeper.operations.metrics.stores import DatabaseFigures, QueueFigures

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def test_that_all_connections_are_in_use_is_told_while_other_figures_wait_for_one(tmp_path: Path) -> None:
    metrics, free = Metrics(), asyncio.Event()

    async def unused() -> int:
        await free.wait()
        return 0

    figures = DatabaseFigures(metrics, tmp_path / "ragkeeper.db", unused, lambda: (9, 9))
    looks = Looks(metrics, limit=0.05)
    looks.add("database", figures.look)
    looks.add("connections", figures.look_at_connections)
    await looks.refresh()
    told = {sample.name: sample.value for family in metrics.families() for sample in family.samples}
    await looks.stop()
    assert (told[CONNECTIONS.name], told[CONNECTIONS_MOST.name]) == (9, 9)


@pytest.mark.parametrize(
    ("oldest", "read", "waited", "still"),
    [
        (None, None, 0, 0),
        (None, 900, 0, 0),
        (4000, None, 4000, 4000),
        (4000, 20, 4000, 20),  # a large import that is being read
        (4000, 2400, 4000, 2400),
        (10, 90_000, 10, 10),  # nothing came for a day, and now something does
        (-5, -5, 0, 0),  # by a clock that was put back
    ],
)
async def test_a_queue_stands_still_while_nothing_of_it_is_read(
    oldest: float | None, read: float | None, waited: float, still: float
) -> None:
    def ago(seconds: float | None) -> datetime | None:
        return None if seconds is None else NOON - timedelta(seconds=seconds)

    async def queue() -> QueueHoldings:
        return QueueHoldings(1, 0, 0, 0, ago(oldest), ago(read), None)

    metrics = Metrics()
    await QueueFigures(metrics, queue, lambda: (0, ""), lambda: NOON).look()
    told = {sample.name: sample.value for family in metrics.families() for sample in family.samples}
    assert (told[QUEUE_OLDEST.name], told[QUEUE_STILL.name]) == (waited, still)
