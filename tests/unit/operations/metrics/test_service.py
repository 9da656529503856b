"""What a scrape says of the index: how late it is, and what the last check found."""

import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.metrics.service import IndexFigures
from ragkeeper.storage.sql.errors import DatabaseUnreadable

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Index:
    waiting: tuple[int, datetime | None] = (0, None)
    checked: tuple[datetime, int, int] | None = None
    fails = False

    async def backlog(self) -> tuple[int, datetime | None]:
        if self.fails:
            raise DatabaseUnreadable(path="x", reason="y")
        return self.waiting

    async def first_start(self) -> datetime | None:
        return NOW - timedelta(days=3)

    async def last(self) -> tuple[datetime, int, int] | None:
        return self.checked


async def scraped(figures: IndexFigures, metrics: Metrics) -> tuple[float, float, float]:
    with suppress(DatabaseUnreadable):  # whoever asked for the look counts it
        await figures.look()
    values = {
        family.name: family.samples[0].value
        for family in text_string_to_metric_families(metrics.scrape().decode())
        if family.name.startswith("rag_index_")
    }
    return values["rag_index_lag_seconds"], values["rag_index_orphans"], values["rag_index_missing"]


async def test_what_was_never_checked_is_not_said_to_be_well() -> None:
    index, metrics = Index(), Metrics()
    lag, orphans, missing = await scraped(
        IndexFigures(metrics, index.backlog, index.last, index.first_start, lambda: NOW), metrics
    )
    assert lag == 0
    assert math.isnan(orphans)
    assert math.isnan(missing)


async def test_the_oldest_change_and_the_last_check_are_told_until_they_cannot_be_asked() -> None:
    index, metrics = Index(), Metrics()
    figures = IndexFigures(metrics, index.backlog, index.last, index.first_start, lambda: NOW)
    index.waiting, index.checked = (3, NOW - timedelta(seconds=90)), (NOW, 2, 5)
    assert await scraped(figures, metrics) == (90, 2, 5)
    index.waiting, index.checked, index.fails = (0, None), (NOW, 0, 0), True
    assert await scraped(figures, metrics) == (90, 2, 5)
    index.fails = False
    assert await scraped(figures, metrics) == (0, 0, 0)


def test_nothing_is_said_of_the_index_before_anybody_has_looked() -> None:
    values = {family.name: family.samples[0].value for family in Metrics().families() if family.samples}
    assert math.isnan(values["rag_index_orphans"])
    assert math.isnan(values["rag_index_missing"])


async def test_when_the_first_start_was_is_told_before_any_check() -> None:
    index, metrics = Index(), Metrics()
    await IndexFigures(metrics, index.backlog, index.last, index.first_start, lambda: NOW).look()
    values = {family.name: family.samples[0].value for family in metrics.families() if family.samples}
    assert values["rag_first_start_timestamp_seconds"] == (NOW - timedelta(days=3)).timestamp()
    assert math.isnan(values["rag_index_checked_timestamp_seconds"])
