"""Calls an address while alerts are evaluated: whoever expects that tells when it stays away."""

import asyncio
import math
import time
from collections.abc import Callable

import httpx
import structlog

from ragkeeper.operations.alerts.aside import Aside

_log = structlog.get_logger()

_EVERY = 60.0
_LIMIT = 10.0


class Heartbeat:
    """Of a server that is gone, nobody here can tell. url: empty where nobody waits for it."""

    def __init__(
        self,
        url: str,
        transport: httpx.AsyncBaseTransport | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._transport = transport
        self._monotonic = monotonic
        self._beaten = -math.inf
        self.aside = Aside("heartbeat")

    def beat(self) -> None:
        """Begin to, if it is time; returns at once. One that is not taken is followed by the next, a minute later."""
        now = self._monotonic()
        if self._url and now - self._beaten >= _EVERY:
            self._beaten = now
            self.aside.start(self._beat)

    async def _beat(self) -> None:
        try:
            async with asyncio.timeout(_LIMIT), httpx.AsyncClient(timeout=_LIMIT, transport=self._transport) as client:
                (await client.get(self._url)).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            _log.warning("heartbeat_not_taken", reason=type(error).__name__)
