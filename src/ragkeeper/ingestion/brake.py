"""Stops reading and embedding before the disk is full, so that what has begun can be stored and searches go on.

It stops them as well while the server is to change nothing.
"""

import time
from collections.abc import Callable

from ragkeeper.storage.files.store import Space

# The disk is asked at most this often, in seconds.
_EVERY = 1.0
# Uploads and reading stop at the reserve; embedding, which makes what is there better, at this share of it: by then the
# files that were being read are stored, and the index still has room to write its log.
_EMBEDDING_SHARE = 0.5


class DiskBrake:
    """held: why nothing may be begun at this moment whatever the disk says, empty when something may."""

    def __init__(
        self,
        space: Callable[[], Space],
        monotonic: Callable[[], float] = time.monotonic,
        held: Callable[[], str] = lambda: "",
    ) -> None:
        self._space = space
        self._held = held
        self._monotonic = monotonic
        self._known: tuple[float, Space] | None = None

    def on_reading(self) -> str:
        """Why no file may be begun, empty when one may."""
        return self._held() or self._low(1.0)

    def on_embedding(self) -> str:
        """Why nothing may be embedded, empty when something may."""
        return self._held() or self._low(_EMBEDDING_SHARE)

    def _low(self, share: float) -> str:
        space = self._current()
        needed = int(space.reserve_mb * share)
        if space.has(needed):
            return ""
        return f"The disk is nearly full: {space.free_mb} MB are free, and it goes on when there are {needed} MB."

    def _current(self) -> Space:
        now = self._monotonic()
        if self._known is None or now - self._known[0] >= _EVERY:
            self._known = (now, self._space())
        return self._known[1]
