"""Let a refusal arrive: read on for a moment before a connection is closed on a body that nobody wants.

Closing while the client still sends makes its system drop the answer with the connection, and the client sees "reset"
instead of the reason. Web servers call the remedy lingering close. What is read here is thrown away at once.
"""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BYTES = 64_000_000
_SECONDS = 3.0
_SILENT_SECONDS = 0.25


class Lingering:
    """Outermost, so that it sees every answer, and nobody takes its time for the answer's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not has_body(scope["headers"]):
            await self._app(scope, receive, send)
            return
        request = _Request(receive, send)
        await self._app(scope, request.receive, request.send)
        await request.finish()


class _Request:
    """Says everything at once but that it is the end, while there is a body to be read."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._unread = True
        self._unfinished = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._unread = False
        return message

    async def send(self, message: Message) -> None:
        if self._unread and message["type"] == "http.response.body" and not message.get("more_body", False):
            self._unfinished = True
            message = {**message, "more_body": True}
        await self._send(message)

    async def finish(self) -> None:
        """Read until the body ends, the client is silent for a moment, or it has had enough time or room."""
        if not self._unfinished:
            return
        left, give_up = _BYTES, time.monotonic() + _SECONDS
        with suppress(TimeoutError):
            while self._unread and left > 0 and time.monotonic() < give_up:
                async with asyncio.timeout(_SILENT_SECONDS):
                    left -= len((await self.receive()).get("body", b""))
        await self._send({"type": "http.response.body"})


def has_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in headers)
