"""A channel that keeps what it is given, and fails while it is told to."""

from ragkeeper.operations.alerts.errors import NotDelivered
from ragkeeper.operations.alerts.messages import Message


class FakeChannel:
    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.sent: list[Message] = []
        self.broken = ""

    async def send(self, message: Message) -> None:
        if self.broken:
            raise NotDelivered(channel=self.name, reason=self.broken)
        self.sent.append(message)
