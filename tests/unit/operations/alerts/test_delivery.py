import asyncio
import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from ragkeeper.core.figures.holdings import ALERT_CHANNEL_OK
from ragkeeper.core.job_log import FailedJob
from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.alerts.channels.fake import FakeChannel
from ragkeeper.operations.alerts.delivery import INTERVAL_SECONDS, LONGEST_WAIT_SECONDS, Delivery
from ragkeeper.operations.alerts.errors import NotDelivered
from ragkeeper.operations.alerts.messages import Sender, proof
from tests.unit.operations.alerts.test_telling import active

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
FROM = Sender("host-a", "https://example.org")


@dataclass
class Line:
    channel: FakeChannel = field(default_factory=lambda: FakeChannel("mail"))
    metrics: Metrics = field(default_factory=Metrics)
    passed: float = 0.0
    jobs: int = 0

    def __post_init__(self) -> None:
        self.delivery = Delivery(self.channel, self.metrics, FROM, self.clock, lambda: self.passed)

    def clock(self) -> datetime:
        return START + timedelta(seconds=self.passed)

    async def told(self) -> None:
        self.delivery.tell()
        await self.delivery.aside.ended()

    def fails(self) -> None:
        """One more job."""
        self.jobs += 1
        self.delivery.told.failed([FailedJob(f"j{self.jobs}", "document", "file_damaged", "it is cut off")])

    async def minutes(self, count: float, *, failing: bool = False) -> None:
        """A look every 15 seconds, and a job that fails every 30, where `failing`."""
        for number in range(round(count * 4)):
            if failing and number % 2 == 0:
                self.fails()
            await self.told()
            self.passed += 15

    def works(self) -> list[float]:
        families = [one for one in self.metrics.families() if one.name == ALERT_CHANNEL_OK.name]
        return [sample.value for one in families for sample in one.samples if sample.labels["channel"] == "mail"]


@pytest.fixture
def line() -> Line:
    return Line()


async def test_there_is_a_minute_between_two_messages_and_nothing_is_lost(line: Line):
    await line.minutes(60, failing=True)
    await line.minutes(1)
    assert 55 <= len(line.channel.sent) <= 61
    assert sum(len(message.payload["alerts"]) for message in line.channel.sent) == 120


async def test_what_is_critical_and_new_waits_for_no_minute(line: Line):
    line.fails()
    await line.told()
    line.passed += 15
    down = active("DatabaseDown.critical")
    line.delivery.told.look([down], {down.key: down}, line.clock())
    await line.told()
    assert len(line.channel.sent) == 2
    line.passed += INTERVAL_SECONDS - 1
    line.fails()
    await line.told()
    assert len(line.channel.sent) == 2


async def test_a_channel_that_fails_is_tried_less_and_less_often(line: Line):
    line.channel.broken = "refused"
    line.fails()
    at = []
    while line.passed < 3600:
        before = line.channel.tried
        await line.told()
        at += [line.passed] if line.channel.tried > before else []
        line.passed += 15
    waits = [late - early for early, late in itertools.pairwise(at)]
    assert waits[:4] == [30, 60, 120, 240]
    assert set(waits[4:]) == {LONGEST_WAIT_SECONDS}
    line.channel.broken = ""
    line.passed += LONGEST_WAIT_SECONDS
    await line.told()
    assert len(line.channel.sent) == 1
    line.channel.broken = "refused"
    line.fails()
    line.passed += INTERVAL_SECONDS
    before = line.channel.tried
    await line.minutes(0.75)
    assert line.channel.tried - before == 2, "what worked in between is tried again soon"


async def test_there_are_never_two_messages_on_their_way(line: Line):
    line.channel.hold = asyncio.Event()
    line.fails()
    line.delivery.tell()
    await asyncio.sleep(0)
    proving = asyncio.create_task(line.delivery.send(proof(FROM, START)))
    for _ in range(10):
        line.passed += INTERVAL_SECONDS
        line.fails()
        line.delivery.tell()
        await asyncio.sleep(0)
    assert line.channel.tried == 1
    line.channel.hold.set()
    await line.delivery.aside.ended()
    await proving
    assert line.channel.tried == 2
    assert len(line.channel.sent[0].payload["alerts"]) == 1


async def test_whatever_a_channel_raises_is_told_without_its_words(line: Line):
    line.channel.error = UnicodeEncodeError("ascii", "p\xe4ssword", 1, 2, "ordinal not in range(128)")
    with pytest.raises(NotDelivered, match="it failed with UnicodeEncodeError") as found:
        await line.delivery.send(proof(FROM, START))
    assert "ssword" not in found.value.message
    assert line.delivery.trouble == found.value.message


async def test_a_message_that_did_not_reach_everybody_is_told_and_not_sent_again(line: Line):
    line.channel.refused = "bob@example.org was refused (550 unknown)"
    line.fails()
    await line.minutes(5)
    assert len(line.channel.sent) == 1
    assert "bob@example.org" in line.delivery.trouble
    assert line.works() == [0]
    with pytest.raises(NotDelivered, match="bob@example"):
        await line.delivery.send(proof(FROM, START))


async def test_whether_a_channel_works_is_a_figure(line: Line):
    assert line.works() == [1]
    line.channel.broken = "refused"
    line.fails()
    await line.told()
    assert line.works() == [0]
    line.channel.broken = ""
    await line.minutes(1)
    assert line.works() == [1]
    assert line.delivery.trouble == ""


async def test_what_is_on_its_way_ends_with_the_server_and_still_waits(line: Line):
    line.channel.hold = asyncio.Event()
    line.fails()
    line.delivery.tell()
    await asyncio.sleep(0)
    await line.delivery.aside.stop()
    assert line.channel.sent == []
    assert len(line.delivery.told.news(START).failed) == 1
