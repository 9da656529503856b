from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ragkeeper.operations.history import repository
from ragkeeper.operations.history.errors import HistoryUnknown, SpanInvalid
from ragkeeper.operations.history.models import Figures, Period, Resolution
from ragkeeper.operations.history.service import HistoryService
from ragkeeper.storage.sql.database import Database
from tests.schema import migrated

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = await migrated(tmp_path / "x.db")
    yield made
    await made.close()


async def write(database: Database, resolution: Resolution, began: datetime, requests: float) -> None:
    async with database.write() as sql:
        figures = Figures(float(resolution), counts={"requests": requests})
        await repository.replace(sql, resolution, Period(began, figures))


async def test_the_newest_periods_come_from_finer_rows(database: Database):
    midnight = NOW.replace(hour=0, minute=0)
    await write(database, Resolution.DAY, midnight - timedelta(days=1), 1000)
    for hour in range(12):
        await write(database, Resolution.HOUR, midnight + timedelta(hours=hour), 10)
    for minute in range(30):
        await write(database, Resolution.MINUTE, midnight + timedelta(hours=12, minutes=minute), 1)
    service = HistoryService(database, lambda: NOW)
    days = await service.periods(Resolution.DAY, midnight - timedelta(days=5), NOW)
    assert [one.figures.counts["requests"] for one in days] == [1000, 150]
    hours = await service.periods(Resolution.HOUR, midnight, NOW)
    assert [one.figures.counts["requests"] for one in hours] == [10] * 12 + [30]
    series = await service.series("requests", midnight - timedelta(days=3), None, Resolution.DAY)
    assert (series.unit, len(series.points)) == ("per second", 2)


async def test_many_rows_are_read_in_portions(database: Database):
    for minute in range(250):
        await write(database, Resolution.MINUTE, NOW - timedelta(minutes=250 - minute), 1)
    found = await HistoryService(database, lambda: NOW).series("requests", NOW - timedelta(hours=5))
    assert len(found.points) == 250
    assert found.whole
    assert found.whole.value == pytest.approx(1 / 60)


async def test_what_is_not_there(database: Database):
    service = HistoryService(database, lambda: NOW)
    assert (await service.series("requests", NOW - timedelta(days=1))).points == ()
    assert await service.latest() == (None, ())
    with pytest.raises(HistoryUnknown):
        await service.series("nonsense", NOW - timedelta(days=1))
    with pytest.raises(SpanInvalid):
        await service.series("requests", NOW, NOW)
