import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from ragkeeper.core.figures.holdings import INDEX_LAG
from ragkeeper.core.foreground import Foreground
from ragkeeper.core.metrics import HTTP_REQUESTS, HTTP_SECONDS, Metrics
from ragkeeper.operations.history import models, recorder
from ragkeeper.operations.history.models import Resolution
from ragkeeper.operations.history.recorder import HistoryRecorder
from ragkeeper.operations.history.service import HistoryService
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.errors import StorageFull
from ragkeeper.storage.sql.tables import history
from tests.schema import migrated

TABLE = (HTTP_REQUESTS, HTTP_SECONDS, INDEX_LAG)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass
class World:
    """A database whose disk can be full, and a clock that tests move."""

    database: Database
    now: datetime = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    seconds: float = 0.0
    held: str = ""
    metrics: Metrics = field(default_factory=lambda: Metrics(TABLE))

    def recorder(self) -> HistoryRecorder:
        self.metrics = Metrics(TABLE)  # a new process counts from zero
        return HistoryRecorder(
            self.database,
            self.metrics,
            self.refresh,
            lambda: self.now,
            Foreground(),
            lambda: self.held,
            lambda: self.seconds,
        )

    def started(self) -> HistoryRecorder:
        """Started, but for its own loop: tests move the time."""
        one = self.recorder()
        one._started = True
        return one

    async def refresh(self) -> None:
        self.metrics.set(INDEX_LAG, 2)

    async def pass_time(self, one: HistoryRecorder, span: timedelta, step: timedelta = MINUTE, requests: int = 1):
        end = self.now + span
        while self.now < end:
            for _ in range(requests):
                self.metrics.count(HTTP_REQUESTS, method="GET", path="/api/v1/search", status="200")
                self.metrics.observe(HTTP_SECONDS, 0.02, method="GET", path="/api/v1/search")
            self.now += step
            self.seconds += step.total_seconds()
            await one._step()

    async def rows(self) -> dict[int, int]:
        async with self.database.read() as sql:
            query = select(history.c.resolution, func.count()).group_by(history.c.resolution)
            return {row[0]: row[1] for row in await sql.execute(query)}

    @property
    def service(self) -> HistoryService:
        return HistoryService(self.database, lambda: self.now)


@contextmanager
def full(database: Database) -> Iterator[None]:
    """Every change fails, as on a full disk."""
    kept = database.write

    def refuse() -> None:
        raise StorageFull(reason="database or disk is full")

    database.write = refuse  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        database.write = kept  # type: ignore[method-assign]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    database = await migrated(tmp_path / "x.db")
    yield World(database)
    await database.close()


async def test_each_minute_is_one_row_with_everything(world: World):
    one = world.started()
    await world.pass_time(one, 3 * MINUTE, step=timedelta(seconds=15))
    found = await world.service.series("requests", world.now - HOUR)
    assert [point.value for point in found.points] == pytest.approx([1 / 15] * 3)
    assert (await world.rows())[60] == 3
    lag = await world.service.series("index_lag", world.now - HOUR)
    assert [point.value for point in lag.points] == [2, 2, 2]
    assert one.keeping.waiting == 0


async def test_the_time_of_the_next_row_is_known_from_the_start(world: World):
    world.now += timedelta(seconds=20)
    one = world.started()
    expected = one.keeping.next_at
    assert expected == datetime(2026, 11, 21, 9, 1, 15, tzinfo=UTC)
    await world.pass_time(one, timedelta(seconds=30), step=timedelta(seconds=15))
    assert (one.keeping.next_at, await world.rows()) == (expected, {})
    await world.pass_time(one, expected - world.now, step=timedelta(seconds=15))
    assert (await world.rows())[60] == 1
    assert one.keeping.next_at == expected + MINUTE


async def test_a_restart_neither_loses_nor_doubles(world: World):
    for _ in range(3):  # each run counts from zero, and the second and third begin in the middle of a minute
        one = world.started()
        await world.pass_time(one, timedelta(seconds=90), step=timedelta(seconds=15), requests=2)
        await one.stop()
    found = await world.service.series("requests", world.now - HOUR)
    assert sum((point.value or 0) * point.seconds for point in found.points) == pytest.approx(3 * 6 * 2)
    assert [point.seconds for point in found.points] == [60, 60, 60, 60, 30]
    assert len({point.began for point in found.points}) == 5


async def test_hours_and_days_are_rolled_up_and_agree_with_their_minutes(world: World):
    one = world.started()
    await world.pass_time(one, 50 * HOUR, step=5 * MINUTE)
    rows = await world.rows()
    assert rows == {60: 600, 3600: 50 - 1, 86400: 2}
    for resolution in Resolution:
        found = await world.service.series("requests", world.now - 3 * DAY, None, resolution)
        assert sum((point.value or 0) * point.seconds for point in found.points) == pytest.approx(600, rel=1e-5)
        times = await world.service.series("response_time", world.now - 3 * DAY, None, resolution)
        assert times.whole
        assert times.whole.count == 600
        assert times.whole.percentiles == pytest.approx({"p50": 0.0175, "p95": 0.02425, "p99": 0.02485})


async def test_its_size_has_a_bound_that_a_wrong_clock_does_not_move(world: World, monkeypatch: pytest.MonkeyPatch):
    for module in (models, recorder):
        monkeypatch.setattr(module, "PERIODS_KEPT", {Resolution.MINUTE: 20, Resolution.HOUR: 30, Resolution.DAY: 2})
    one = world.started()
    await world.pass_time(one, 4 * DAY, step=15 * MINUTE)
    rows = await world.rows()
    assert rows[60] <= 20 + 4  # what came since the last hour began
    assert (rows[3600], rows[86400]) == (30, 2)
    right = world.now
    world.now += 3650 * DAY  # a clock that is ten years ahead for two hours
    await world.pass_time(one, 2 * HOUR, step=10 * MINUTE)
    world.now = right
    await world.pass_time(one, 2 * HOUR, step=10 * MINUTE)
    found = await world.service.series("requests", right - 10 * HOUR, None, Resolution.HOUR)
    assert len(found.points) >= 10


async def test_what_a_clock_that_was_set_back_put_into_the_future_is_of_now(world: World):
    one = world.started()
    world.now += DAY  # a clock that is a day ahead for one look
    await world.pass_time(one, timedelta(seconds=15), step=timedelta(seconds=15), requests=4)
    world.now -= DAY
    await world.pass_time(one, 2 * MINUTE, step=timedelta(seconds=15))
    found = await world.service.series("requests", world.now - HOUR)
    assert sum((point.value or 0) * point.seconds for point in found.points) == pytest.approx(4 + 7)
    assert one.keeping.waiting == 1  # the minute that is not over
    assert one.recent().seconds == 15


async def test_minutes_wait_for_a_full_disk_and_it_is_said(world: World):
    one = world.started()
    await world.pass_time(one, 2 * MINUTE)
    with full(world.database):
        await world.pass_time(one, 5 * MINUTE)
        assert (one.keeping.waiting, "disk is full" in one.keeping.trouble) == (5, True)
        await one.stop()  # even its last words break nothing
    await world.pass_time(one, MINUTE)
    assert (one.keeping.trouble, one.keeping.lost) == ("", 0)
    found = await world.service.series("requests", world.now - HOUR)
    assert sum((point.value or 0) * point.seconds for point in found.points) == pytest.approx(8)


async def test_the_longest_wait_has_a_bound(world: World):
    one = world.started()
    world.held = "Nothing is changed: it was forced."
    await world.pass_time(one, 5 * HOUR)
    assert one.keeping.waiting == 240
    assert one.keeping.lost == 60
    assert one.keeping.trouble == world.held
    assert await world.rows() == {}
    world.held = ""
    await world.pass_time(one, MINUTE)
    assert (await world.rows())[60] >= 240


async def test_an_hour_of_what_is_usual_is_small(world: World):
    """The sizes that docs/decisions/0013 states."""
    one = world.started()
    await world.pass_time(one, HOUR)
    async with world.database.read() as sql:
        longest = (await sql.execute(select(func.max(func.length(history.c.figures))))).scalar_one()
    assert longest < 4000


async def test_a_server_for_one_command_remembers_nothing(world: World):
    one = world.recorder()
    world.metrics.count(HTTP_REQUESTS, method="GET", path="/api/v1/search", status="200")
    await one.stop()
    assert await world.rows() == {}


async def test_it_runs_by_itself(world: World):
    one = world.recorder()
    one.start()
    for _ in range(200):
        await asyncio.sleep(0.01)
        if one.recent().levels:
            break
    assert one.recent().levels["index_lag"].mean == 2
    await one.stop()
    assert await world.rows() == {60: 1}
