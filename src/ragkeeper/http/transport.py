"""The head of an answer and the start of its body in one piece.

uvicorn writes them one after the other, and its event loop sends each at once. The client is woken by a head with
nothing to read behind it, and on a busy machine it then has the processor while the body waits for its turn.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEAD = b"HTTP/1."


class OnePieceProtocol(HttpToolsProtocol):
    """uvicorn's own, over a transport that holds heads back until there is more, or nothing more to come."""

    _holding: "HoldingTransport"

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn narrows it too
        self._holding = HoldingTransport(transport)
        super().connection_made(self._holding)  # type: ignore[arg-type] # it has every method that uvicorn calls

    def on_response_complete(self) -> None:
        self._holding.let_go()
        super().on_response_complete()


class HoldingTransport:
    """Keeps what begins like a head until more comes, it is let go or closed, or the event loop has gone round once."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held = b""

    def write(self, data: bytes) -> None:
        if self._held or not data.startswith(_HEAD):
            self._held, held = b"", self._held
            self._transport.write(held + data)
            return
        self._held = data
        asyncio.get_running_loop().call_soon(self.let_go)

    def let_go(self) -> None:
        if self._held and not self._transport.is_closing():
            self.write(b"")

    def close(self) -> None:
        self.let_go()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
