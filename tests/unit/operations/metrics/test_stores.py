import asyncio
from pathlib import Path

from ragkeeper.core.figures.holdings import CONNECTIONS, CONNECTIONS_MOST
from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.metrics.looks import Looks
from ragkeeper.operations.metrics.stores import DatabaseFigures


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
