import asyncio
from dataclasses import dataclass, field

import httpx
import pytest
from structlog.testing import capture_logs

from ragkeeper.operations.alerts.heartbeat import Heartbeat

URL = "https://beat.example/x"


@dataclass
class Waiting:
    """Whoever expects the heartbeat."""

    beaten: list[str] = field(default_factory=list)
    away: bool = False
    passed: float = 0.0
    hold: asyncio.Event | None = None

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.beaten.append(str(request.url))
        if self.hold is not None:
            await self.hold.wait()
        if self.away:
            raise httpx.ConnectError("nobody there")
        return httpx.Response(200)

    def heartbeat(self, url: str = URL) -> Heartbeat:
        return Heartbeat(url, httpx.MockTransport(self.answer), lambda: self.passed)


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


async def beat(heartbeat: Heartbeat) -> None:
    heartbeat.beat()
    await heartbeat.aside.ended()


async def test_it_beats_every_minute_however_often_it_is_asked(waiting: Waiting):
    heartbeat = waiting.heartbeat()
    for _ in range(9):
        await beat(heartbeat)
        waiting.passed += 15
    assert waiting.beaten == [URL] * 3


async def test_an_address_that_is_down_is_logged_and_called_again(waiting: Waiting):
    heartbeat = waiting.heartbeat()
    waiting.away = True
    with capture_logs() as logs:
        await beat(heartbeat)
    assert [(one["event"], one["reason"]) for one in logs] == [("heartbeat_not_taken", "ConnectError")]
    waiting.away = False
    waiting.passed += 60
    with capture_logs() as logs:
        await beat(heartbeat)
    assert (len(waiting.beaten), logs) == (2, [])


async def test_a_slow_address_holds_up_nobody_and_is_called_once_at_a_time(waiting: Waiting):
    heartbeat = waiting.heartbeat()
    waiting.hold = asyncio.Event()
    for _ in range(5):
        heartbeat.beat()
        await asyncio.sleep(0)
        waiting.passed += 60
    waiting.hold.set()
    await heartbeat.aside.ended()
    assert waiting.beaten == [URL]


async def test_without_an_address_nobody_is_called(waiting: Waiting):
    await beat(waiting.heartbeat(""))
    assert waiting.beaten == []
