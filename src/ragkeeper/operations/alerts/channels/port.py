"""What carries a message to somebody."""

from typing import Protocol

from ragkeeper.operations.alerts.messages import Message


class Channel(Protocol):
    @property
    def name(self) -> str:
        """Such as `mail`; shown to administrators."""
        ...

    async def send(self, message: Message) -> str:
        """Return once somebody else has taken it: whom it did not reach all the same, and why; empty for nobody.

        Raises NotDelivered, whose reason holds no secret.
        """
        ...
