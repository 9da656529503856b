from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ragkeeper.core.access import Forbidden, local_administrator
from ragkeeper.core.figures.holdings import QUEUE_DEAD
from ragkeeper.core.job_log import FailedJob, FailedJobs
from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.alerts.channels.fake import FakeChannel
from ragkeeper.operations.alerts.errors import AlertUnknown, NobodyToTell, NotDelivered
from ragkeeper.operations.alerts.models import Scene
from ragkeeper.operations.alerts.rules import alerts
from ragkeeper.operations.alerts.service import AlertService
from ragkeeper.storage.sql.database import Database
from tests.schema import migrated
from tests.waiting import until
from tests.wired import user

ADMIN = local_administrator()


@dataclass
class World:
    database: Database
    metrics: Metrics = field(default_factory=Metrics)
    channels: list[FakeChannel] = field(default_factory=lambda: [FakeChannel("mail"), FakeChannel("webhook")])
    now: datetime = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    passed: float = 0.0
    failed: FailedJobs = field(default_factory=lambda: FailedJobs(Metrics()))

    async def refresh(self) -> None:
        pass

    def service(self) -> AlertService:
        return AlertService(
            alerts(Scene()),
            self.channels,
            self.database,
            self.metrics,
            self.refresh,
            lambda: self.now,
            runbooks="https://example.org",
            failed=self.failed,
            monotonic=lambda: self.passed,
        )

    async def looks(self, service: AlertService, minutes: float) -> None:
        """One every 15 seconds."""
        for _ in range(round(minutes * 4)):
            self.passed += 15
            await service.look()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    database = await migrated(tmp_path / "x.db")
    yield World(database)
    await database.close()


async def test_people_are_told_once_it_has_held_for_long_enough_and_when_it_is_over(world: World):
    service = world.service()
    world.metrics.set(QUEUE_DEAD, 2)
    await world.looks(service, 4)
    [pending] = service.active(ADMIN)
    assert (pending.alert.name, pending.firing) == ("DeadLetters", False)
    await world.looks(service, 2)
    world.metrics.set(QUEUE_DEAD, 0)
    await world.looks(service, 1)
    for channel in world.channels:
        assert [message.payload["status"] for message in channel.sent] == ["firing", "resolved"]
    assert service.active(ADMIN) == []


async def test_what_one_channel_cannot_send_it_sends_later_and_the_other_only_once(world: World):
    service = world.service()
    world.channels[0].broken = "refused"
    world.metrics.set(QUEUE_DEAD, 2)
    await world.looks(service, 6)
    assert service.channels == {"mail": "A message could not be sent by mail: refused.", "webhook": ""}
    world.channels[0].broken = ""
    await world.looks(service, 1)
    assert [len(channel.sent) for channel in world.channels] == [1, 1]
    assert service.channels == {"mail": "", "webhook": ""}


async def test_a_silenced_alert_is_shown_and_not_told_also_after_a_restart(world: World):
    service = world.service()
    await service.silence(ADMIN, "DeadLetters", timedelta(hours=1), "known")
    again = world.service()
    await again.start(every=1000)
    world.metrics.set(QUEUE_DEAD, 2)
    await world.looks(again, 7)
    assert [one.alert.name for one in again.active(ADMIN)] == ["DeadLetters"]
    assert world.channels[0].sent == []
    assert [one.reason for one in again.silences(ADMIN)] == ["known"]
    await again.silence(ADMIN, "DeadLetters", timedelta(0), "")
    await world.looks(again, 1)
    assert len(world.channels[0].sent) == 1
    await again.stop()


async def test_silences_end_by_themselves(world: World):
    service = world.service()
    await service.silence(ADMIN, "DeadLetters.warning", timedelta(hours=1), "")
    world.now += timedelta(hours=1)
    assert service.silences(ADMIN) == []


async def test_only_what_exists_is_silenced_and_only_by_administrators(world: World):
    service = world.service()
    with pytest.raises(AlertUnknown):
        await service.silence(ADMIN, "DeadLetter", timedelta(hours=1), "")
    acts: list[Callable[[], object]] = [lambda: service.active(user("ann")), lambda: service.silences(user("ann"))]
    for act in acts:
        with pytest.raises(Forbidden):
            act()
    with pytest.raises(Forbidden):
        await service.silence(user("ann"), "DeadLetters", timedelta(hours=1), "")
    with pytest.raises(Forbidden):
        await service.test(user("ann"))


async def test_a_test_message_proves_every_channel(world: World):
    service = world.service()
    assert await service.test(ADMIN) == ["mail", "webhook"]
    assert [len(channel.sent) for channel in world.channels] == [1, 1]
    world.channels[1].broken = "away"
    with pytest.raises(NotDelivered):
        await service.test(ADMIN)


async def test_nobody_to_tell_is_said(world: World):
    world.channels = []
    with pytest.raises(NobodyToTell):
        await world.service().test(ADMIN)


async def test_a_look_that_fails_ends_nothing(world: World):
    service = world.service()
    looks: list[int] = []

    async def refresh() -> None:
        looks.append(1)
        if len(looks) == 1:
            raise ValueError("once")

    service._refresh = refresh
    await service.start(every=0.01)
    await until(lambda: len(looks) > 2)
    await service.stop()
    assert len(looks) > 2


DAMAGED = FailedJob("j1", "document", "file_damaged", "it is cut off")


async def test_a_job_that_failed_is_told_once_to_each_channel_also_after_one_was_away(world: World):
    service = world.service()
    world.channels[0].broken = "refused"
    world.failed.add(DAMAGED, 1.0)
    await world.looks(service, 1)
    world.channels[0].broken = ""
    await world.looks(service, 1)
    for channel in world.channels:
        [message] = channel.sent
        [alert] = message.payload["alerts"]
        assert (alert["labels"]["job"], alert["labels"]["severity"]) == ("j1", "high")


async def test_failed_jobs_can_be_silenced(world: World):
    service = world.service()
    await service.silence(ADMIN, "JobFailed", timedelta(hours=1), "a load test")
    world.failed.add(DAMAGED, 1.0)
    await world.looks(service, 1)
    world.now += timedelta(hours=2)
    await world.looks(service, 1)
    assert world.channels[0].sent == []
