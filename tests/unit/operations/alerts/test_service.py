import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text

from ragkeeper.core.access import Forbidden, local_administrator
from ragkeeper.core.figures.holdings import QUEUE_DEAD
from ragkeeper.core.job_log import FailedJob, FailedJobs
from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.alerts import repository
from ragkeeper.operations.alerts.channels.fake import FakeChannel
from ragkeeper.operations.alerts.errors import AlertUnknown, NobodyToTell, NotDelivered
from ragkeeper.operations.alerts.heartbeat import Heartbeat
from ragkeeper.operations.alerts.messages import Sender
from ragkeeper.operations.alerts.models import Scene
from ragkeeper.operations.alerts.rules import alerts
from ragkeeper.operations.alerts.service import AlertService
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.errors import StorageFull
from ragkeeper.storage.sql.tables import settings
from tests.schema import migrated
from tests.waiting import until
from tests.wired import user

ADMIN = local_administrator()
START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@dataclass
class World:
    database: Database
    metrics: Metrics = field(default_factory=Metrics)
    channels: list[FakeChannel] = field(default_factory=lambda: [FakeChannel("mail"), FakeChannel("webhook")])
    now: datetime = START
    passed: float = 0.0
    failed: FailedJobs = field(default_factory=lambda: FailedJobs(Metrics()))
    beaten: list[float] = field(default_factory=list)

    async def refresh(self) -> None:
        pass

    def beat(self, _: httpx.Request) -> httpx.Response:
        self.beaten.append(self.passed)
        return httpx.Response(200)

    def service(self) -> AlertService:
        return AlertService(
            alerts(Scene()),
            self.channels,
            self.database,
            self.metrics,
            self.refresh,
            lambda: self.now,
            sender=Sender("host-a", "https://example.org"),
            heartbeat=Heartbeat("https://beat.example", httpx.MockTransport(self.beat), lambda: self.passed),
            failed=self.failed,
            monotonic=lambda: self.passed,
        )

    async def looks(self, service: AlertService, minutes: float) -> None:
        """One every 15 seconds."""
        for _ in range(round(minutes * 4)):
            self.passed += 15
            self.now += timedelta(seconds=15)
            await service.look()
            await service.sent()


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
    with pytest.raises(NotDelivered, match="by webhook: away; it was sent by mail"):
        await service.test(ADMIN)


async def test_a_test_message_is_sent_by_every_channel_whichever_fails(world: World):
    service = world.service()
    world.channels[0].error = UnicodeEncodeError("ascii", "p", 0, 1, "ordinal not in range(128)")
    with pytest.raises(NotDelivered, match="by mail: it failed with UnicodeEncodeError; it was sent by webhook"):
        await service.test(ADMIN)
    assert len(world.channels[1].sent) == 1
    world.channels[1].broken = "away"
    with pytest.raises(NotDelivered, match="by mail: it failed with UnicodeEncodeError; by webhook: away"):
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


async def test_what_failed_in_silence_is_told_when_it_fails_again_after_it(world: World):
    service = world.service()
    run = FailedJob("j1", "source_sync", "source_away", "nobody answers", about="a source")
    await service.silence(ADMIN, "JobFailed", timedelta(hours=1), "a load test")
    world.failed.add(run, 1.0)
    await world.looks(service, 1)
    await service.silence(ADMIN, "JobFailed", timedelta(0), "")
    world.failed.add(replace(run, id="j2"), 1.0)
    await world.looks(service, 1)
    [message] = world.channels[0].sent
    assert [alert["labels"]["job"] for alert in message.payload["alerts"]] == ["j2"]


async def test_what_ends_while_a_channel_is_away_is_told_when_it_is_back(world: World):
    service = world.service()
    world.channels[0].broken = "refused"
    world.metrics.set(QUEUE_DEAD, 2)
    await world.looks(service, 7)
    world.metrics.set(QUEUE_DEAD, 0)
    await world.looks(service, 10)
    world.channels[0].broken = ""
    await world.looks(service, 6)
    message = world.channels[0].sent[0]
    [alert] = [one for one in message.payload["alerts"] if one["labels"]["alertname"] == "DeadLetters"]
    times = [datetime.fromisoformat(alert[name]) for name in ("startsAt", "endsAt")]
    assert (alert["status"], "Was, and is over: " in message.text) == ("resolved", True)
    assert times == [START + timedelta(seconds=15), START + timedelta(minutes=7, seconds=15)]


async def test_a_channel_that_fails_is_told_by_the_other(world: World):
    service = world.service()
    world.channels[0].broken = "refused"
    world.metrics.set(QUEUE_DEAD, 2)
    await world.looks(service, 15)
    world.channels[0].broken = ""
    await world.looks(service, 10)
    alerts = [alert for message in world.channels[1].sent for alert in message.payload["alerts"]]
    failing = [one for one in alerts if one["labels"]["alertname"] == "AlertChannelFailing"]
    assert [(one["labels"]["channel"], one["status"]) for one in failing] == [("mail", "firing"), ("mail", "resolved")]


async def test_whatever_a_channel_raises_ends_no_look_and_hides_no_other(world: World):
    service = world.service()
    world.channels[0].error = RuntimeError("anything")
    world.metrics.set(QUEUE_DEAD, 2)
    await world.looks(service, 7)
    assert [len(channel.sent) for channel in world.channels] == [0, 1]
    assert service.channels["mail"] == "A message could not be sent by mail: it failed with RuntimeError."


async def test_a_slow_channel_holds_up_neither_looks_nor_the_heartbeat_nor_the_end(world: World):
    service = world.service()
    world.channels[0].hold = asyncio.Event()
    world.metrics.set(QUEUE_DEAD, 2)
    looks: list[int] = []

    async def refresh() -> None:
        looks.append(1)
        world.passed += 15

    service._refresh = refresh
    await service.start(every=0.001)
    await until(lambda: len(world.beaten) > 8 and world.channels[1].sent)
    await service.stop()
    assert (world.channels[0].tried, world.channels[0].sent) == (1, [])
    assert len(looks) > 30
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("alerts")] == []


async def test_a_look_that_fails_gives_no_heartbeat(world: World):
    service = world.service()
    looks: list[int] = []

    async def refresh() -> None:
        looks.append(1)
        world.passed += 60
        if len(looks) < 5:
            raise ValueError("again and again")

    service._refresh = refresh
    await service.start(every=0.001)
    await until(lambda: len(world.beaten) > 1)
    await service.stop()
    assert min(world.beaten) >= 300


async def test_a_restart_neither_repeats_what_was_told_nor_forgets_its_end(world: World):
    world.metrics.set(QUEUE_DEAD, 2)
    first = world.service()
    await first.start(every=1000)
    await world.looks(first, 6)
    await first.stop()
    second = world.service()
    await second.start(every=1000)
    await world.looks(second, 10)
    assert [len(channel.sent) for channel in world.channels] == [1, 1]
    world.metrics.set(QUEUE_DEAD, 0)
    await world.looks(second, 1)
    await second.stop()
    for channel in world.channels:
        began, ended = channel.sent
        assert (began.payload["status"], ended.payload["status"]) == ("firing", "resolved")
        assert ended.payload["alerts"][0]["startsAt"] == began.payload["alerts"][0]["startsAt"]


async def test_a_restart_forgets_nothing_that_waits(world: World):
    for channel in world.channels:
        channel.broken = "refused"
    first = world.service()
    await first.start(every=1000)
    world.failed.add(DAMAGED, 1.0)
    await world.looks(first, 1)
    world.failed.add(replace(DAMAGED, id="j2"), 1.0)
    await first.stop()
    for channel in world.channels:
        channel.broken = ""
    world.failed = FailedJobs(Metrics())
    second = world.service()
    await second.start(every=1000)
    await world.looks(second, 1)
    await second.stop()
    [message] = world.channels[0].sent
    assert [alert["labels"]["job"] for alert in message.payload["alerts"]] == ["j1", "j2"]


async def row(world: World) -> Any:
    async with world.database.read() as sql:
        return (await sql.execute(select(settings).where(settings.c.name == "alerts_told"))).one_or_none()


async def test_what_was_told_is_written_when_it_changes_and_only_then(world: World):
    service = world.service()
    await world.looks(service, 4)
    assert await row(world) is None
    world.metrics.set(QUEUE_DEAD, 2)
    await world.looks(service, 6)
    written = await row(world)
    assert list(written.value["channels"]) == ["mail", "webhook"]
    await world.looks(service, 6)
    assert await row(world) == written


@pytest.mark.parametrize("value", ['"nonsense"', '{"channels": {"mail": {"told": 3}}}', "{", '[{"until": "x"}]'])
async def test_a_damaged_value_is_left_aside_and_the_start_goes_on(world: World, value: str):
    async with world.database.write() as sql:
        for name in ("alerts_told", "alert_silences"):
            statement = "INSERT INTO settings (name, value, updated_at) VALUES (:name, :value, :at)"
            await sql.execute(text(statement), {"name": name, "value": value, "at": "2026-11-21 09:00:00.000000"})
    service = world.service()
    await service.start(every=1000)
    world.metrics.set(QUEUE_DEAD, 2)
    await world.looks(service, 6)
    await service.stop()
    assert [len(channel.sent) for channel in world.channels] == [1, 1]
    assert "mail" in (await row(world)).value["channels"]


async def test_a_disk_that_takes_nothing_ends_no_telling(world: World, monkeypatch: pytest.MonkeyPatch):
    service = world.service()

    async def full(*_: object) -> None:
        raise StorageFull(reason="no room")

    with monkeypatch.context() as broken:
        broken.setattr(repository, "store_told", full)
        world.metrics.set(QUEUE_DEAD, 2)
        await world.looks(service, 6)
    assert len(world.channels[0].sent) == 1
    assert await row(world) is None
    await world.looks(service, 1)
    assert await row(world) is not None
