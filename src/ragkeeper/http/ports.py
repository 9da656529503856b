"""What the HTTP layer needs from the identity feature above it."""

from typing import Protocol

from ragkeeper.core.access import Caller


class Authenticator(Protocol):
    async def caller(self, api_key: str) -> Caller | None:
        """Who holds this key, or None when nobody does."""
        ...

    def recognises(self, api_key: str) -> bool:
        """Whether the key is known to be valid, without asking anything that takes time: asked under overload."""
        ...
