"""What carries a message to somebody."""

from typing import Protocol

from ragkeeper.operations.alerts.messages import Message


class Channel(Protocol):
    @property
    def name(self) -> str:
        """Such as `mail`; shown to administrators."""
        ...

    async def send(self, message: Message) -> None:
        """Return once somebody else has taken it. Raises NotDelivered."""
        ...
