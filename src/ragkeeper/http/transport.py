"""The head of an answer and the start of its body in one piece.

uvicorn writes them one after the other, and its event loop sends each at once. The client is woken by a head with
nothing to read behind it, and on a busy machine it then has the processor while the body waits for its turn.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEAD = b"HTTP/1."


class OnePieceProtocol(HttpToolsProtocol):
    """uvicorn's own, over a transport that holds heads back."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(HoldingTransport(transport))  # type: ignore[arg-type] # it has all that is asked of one


class HoldingTransport:
    """Keeps what begins like a head until more comes, it is closed, or the event loop has gone round once."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held = b""

    def write(self, data: bytes) -> None:
        if self._held or not data.startswith(_HEAD):
            self._held, held = b"", self._held
            self._transport.write(held + data)
            return
        self._held = data
        asyncio.get_running_loop().call_soon(self._let_go)

    def close(self) -> None:
        self._let_go()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _let_go(self) -> None:
        if self._held and not self._transport.is_closing():
            self.write(b"")
