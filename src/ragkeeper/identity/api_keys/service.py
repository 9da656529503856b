"""The one key that exists until user accounts do: generated into the data folder, held by its administrator."""

import hashlib
import hmac

from ragkeeper.core.access import Caller, local_administrator


class ApiKeyAuthenticator:
    """Tells the caller behind a key; keeps only the key's hash in memory."""

    def __init__(self, api_key: str) -> None:
        self._digest = hashlib.sha256(api_key.encode()).digest()

    async def caller(self, api_key: str) -> Caller | None:
        """None for a wrong key."""
        return local_administrator() if self.recognises(api_key) else None

    def recognises(self, api_key: str) -> bool:
        """Whether it is valid, at the cost of one hash. The comparison takes the same time wherever keys differ."""
        return hmac.compare_digest(hashlib.sha256(api_key.encode()).digest(), self._digest)
