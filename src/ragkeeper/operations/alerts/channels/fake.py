"""A channel that keeps what it is given, and fails while it is told to."""

import asyncio

from ragkeeper.operations.alerts.errors import NotDelivered
from ragkeeper.operations.alerts.messages import Message


class FakeChannel:
    """broken: why nothing leaves. error: what is raised instead. refused: whom it does not reach. hold: it waits."""

    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.sent: list[Message] = []
        self.tried = 0
        self.broken = ""
        self.error: Exception | None = None
        self.refused = ""
        self.hold: asyncio.Event | None = None

    async def send(self, message: Message) -> str:
        self.tried += 1
        if self.hold is not None:
            await self.hold.wait()
        if self.error is not None:
            raise self.error
        if self.broken:
            raise NotDelivered(channel=self.name, reason=self.broken)
        self.sent.append(message)
        return self.refused
