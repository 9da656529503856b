"""When jobs are submitted by their schedule: once each, whatever the clock does."""

from datetime import UTC, datetime, timedelta

import pytest

from ragkeeper.jobs.errors import CronInvalid
from ragkeeper.jobs.port import Schedule
from ragkeeper.jobs.scheduler import Scheduler
from tests.waiting import until

START = datetime(2026, 3, 1, 1, 30, 20, tzinfo=UTC)


class World:
    def __init__(self, now: datetime = START) -> None:
        self.now = now
        self.submitted: list[str] = []
        self.scheduler = Scheduler(self.submit, lambda: self.now)

    async def submit(self, job_id: str, schedule: Schedule) -> None:
        if job_id not in self.submitted:
            self.submitted.append(job_id)

    def restarted(self) -> "World":
        """Another process: it remembers nothing but the jobs."""
        after = World(self.now)
        after.submitted = self.submitted
        return after

    async def at(self, now: datetime) -> list[str]:
        self.now = now
        await self.scheduler.submit_due()
        return self.submitted


async def test_it_runs_when_it_is_due_and_once():
    world = World()
    world.scheduler.set("backup", [Schedule("backup", "0 2 * * *", "backup")])
    assert await world.at(START + timedelta(minutes=29)) == []
    assert await world.at(datetime(2026, 3, 1, 2, 0, tzinfo=UTC)) == ["backup@2026-03-01T02:00"]
    assert len(await world.at(datetime(2026, 3, 1, 2, 0, 30, tzinfo=UTC))) == 1
    assert len(await world.at(datetime(2026, 3, 2, 2, 0, 1, tzinfo=UTC))) == 2


async def test_what_was_missed_is_made_up_for_once():
    world = World()
    schedule = Schedule("backup", "0 2 * * *", "backup", since=START)
    world.scheduler.set("backup", [schedule])
    await world.at(START)
    after = world.restarted()
    after.now = START + timedelta(days=4)
    after.scheduler.set("backup", [schedule])
    assert await after.at(START + timedelta(days=4)) == ["backup@2026-03-04T02:00"]


async def test_nothing_from_before_it_was_made_is_run():
    world = World()
    world.scheduler.set("sync", [Schedule("sync", "*/10 * * * *", "sync", since=START)])
    assert await world.at(START + timedelta(minutes=5)) == []


async def test_a_clock_set_back_runs_nothing_twice():
    world = World()
    world.scheduler.set("sync", [Schedule("sync", "*/10 * * * *", "sync")])
    await world.at(START + timedelta(minutes=11))
    await world.at(START + timedelta(minutes=21))
    seen = list(world.submitted)
    assert await world.at(START + timedelta(minutes=12)) == seen
    assert await world.at(START + timedelta(minutes=22)) == seen


async def test_a_clock_set_forward_runs_it_once():
    world = World()
    world.scheduler.set("sync", [Schedule("sync", "*/10 * * * *", "sync")])
    assert len(await world.at(START + timedelta(days=400))) == 1


async def test_a_schedule_that_is_gone_runs_no_more():
    world = World()
    world.scheduler.set("sync", [Schedule("a", "* * * * *", "sync"), Schedule("b", "* * * * *", "sync")])
    world.scheduler.set("sync", [Schedule("b", "* * * * *", "sync")])
    assert await world.at(START + timedelta(minutes=1)) == ["b@2026-03-01T01:31"]


async def test_its_loop_submits_what_is_due():
    world = World()
    world.scheduler.set("sync", [Schedule("a", "* * * * *", "sync", since=START - timedelta(minutes=2))])
    world.scheduler.start()
    await until(lambda: world.submitted)
    await world.scheduler.stop()
    assert world.submitted == ["a@2026-03-01T01:30"]


@pytest.mark.parametrize("cron", ["", "0 2 * *", "61 * * * *", "0 0 30 2 *", "@daily", "0 0 2 * * *", "a b c d e"])
def test_what_is_no_schedule_is_refused_and_changes_nothing(cron: str):
    world = World()
    world.scheduler.set("sync", [Schedule("a", "* * * * *", "sync")])
    with pytest.raises(CronInvalid) as caught:
        world.scheduler.set("sync", [Schedule("b", cron, "sync")])
    assert caught.value.advice


async def test_a_clock_that_was_ahead_by_years_stops_no_schedule():
    ahead = START + timedelta(days=700)
    world = World(ahead)
    made = [Schedule("a", "*/10 * * * *", "sync"), Schedule("b", "*/10 * * * *", "sync", since=ahead)]
    world.scheduler.set("sync", made)
    assert await world.at(START) == []
    due = START + timedelta(minutes=10)
    assert await world.at(due) == ["a@2026-03-01T01:40", "b@2026-03-01T01:40"]
    after = world.restarted()
    after.scheduler.set("sync", made)
    assert await after.at(due) == world.submitted
    assert len(await after.at(due + timedelta(minutes=10))) == 4
