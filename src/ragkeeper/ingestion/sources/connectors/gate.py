"""A way out for libraries that make their own connections: a proxy on this machine that checks and pins addresses.

What the library connects to through it is looked up here, the whole answer is checked, and the connection goes to a
checked address: no second lookup can answer differently, and a redirect is checked like a first address. What is
encrypted stays so from end to end (`CONNECT`); a plain request is passed on, one for each connection.
"""

import asyncio
import base64
import secrets
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import urlsplit

from ragkeeper.ingestion.sources.connectors.addresses import Target, check_answer, check_url
from ragkeeper.ingestion.sources.connectors.fetch import Resolve
from ragkeeper.ingestion.sources.errors import AddressRefused

_HEAD_SECONDS = 10.0
_CONNECT_SECONDS = 10.0
_LARGEST_HEAD = 64 * 1024
_MOST_ADDRESSES = 4
_BLOCK = 256 * 1024
_USER = "ragkeeper"
# Between the library and this proxy, not for who is asked.
_OF_PROXY = frozenset({b"proxy-authorization", b"proxy-connection", b"connection", b"keep-alive", b"te", b"upgrade"})

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Gate:
    """private_hosts: see RAG_FETCH_PRIVATE_HOSTS. `open` it, give its address to the library, and `close` it."""

    def __init__(self, private_hosts: Sequence[str], resolve: Resolve) -> None:
        self.refused: AddressRefused | None = None
        """Why it last let nobody through: the library says only that it could not connect."""
        self._private_hosts = tuple(private_hosts)
        self._resolve = resolve
        self._password = secrets.token_urlsafe(24)
        self._server: asyncio.Server | None = None
        self._busy: set[asyncio.Task[None]] = set()

    async def open(self) -> str:
        """The address of the proxy, with a password: it is nobody else's on this machine."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_LARGEST_HEAD)
        port = self._server.sockets[0].getsockname()[1]
        return f"http://{_USER}:{self._password}@127.0.0.1:{port}"

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in self._busy:
                task.cancel()
            await asyncio.gather(*self._busy, return_exceptions=True)
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)
        try:
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await self._handle(reader, writer)
                writer.close()
                await writer.wait_closed()
        finally:
            await _closed(writer)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_HEAD_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
        request, *headers = head[:-4].split(b"\r\n")
        method, _, rest = request.decode("latin-1").partition(" ")
        asked = rest.partition(" ")[0]
        if not self._is_ours(headers):
            await _refuse(writer, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED)
            return
        try:
            target = self._target(method, asked)
            there = await self._connected(target)
        except AddressRefused as error:
            self.refused = error
            await _refuse(writer, HTTPStatus.FORBIDDEN)
            return
        except (OSError, UnicodeError, TimeoutError):
            await _refuse(writer, HTTPStatus.BAD_GATEWAY)
            return
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await _both_ways((reader, writer), there)
        else:
            await _one_answer(writer, there, _passed_on(method, asked, headers))

    def _is_ours(self, headers: Sequence[bytes]) -> bool:
        given = base64.b64encode(f"{_USER}:{self._password}".encode())
        values = [
            value.strip()
            for name, _, value in (one.partition(b":") for one in headers)
            if _is(name, b"proxy-authorization")
        ]
        return any(secrets.compare_digest(value, b"Basic " + given) for value in values)

    def _target(self, method: str, asked: str) -> Target:
        """Raises AddressRefused."""
        if method == "CONNECT":
            return check_url(f"https://{asked}/", self._private_hosts)
        target = check_url(asked, self._private_hosts)
        if target.url.scheme != "http" or not target.may_be_private:
            raise AddressRefused(address=str(target.url), reason="keys and documents do not travel unencrypted")
        if method not in {"GET", "HEAD"}:
            raise AddressRefused(address=str(target.url), reason=f"nothing is sent there, {method} would")
        return target

    async def _connected(self, target: Target) -> _Streams:
        """Raises AddressRefused, and OSError when no address takes the connection."""
        addresses = check_answer(target, await self._resolve(target.host, target.port))[:_MOST_ADDRESSES]
        for address in addresses[:-1]:
            with suppress(OSError, TimeoutError):
                return await _connect(address, target.port)
        return await _connect(addresses[-1], target.port)


async def _connect(address: str, port: int) -> _Streams:
    async with asyncio.timeout(_CONNECT_SECONDS):
        return await asyncio.open_connection(address, port, limit=_BLOCK)


async def _refuse(writer: asyncio.StreamWriter, status: HTTPStatus) -> None:
    writer.write(f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()


async def _both_ways(here: _Streams, there: _Streams) -> None:
    """Until either side has ended."""
    copies = [asyncio.ensure_future(_copy(here[0], there[1])), asyncio.ensure_future(_copy(there[0], here[1]))]
    try:
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in copies:
            one.cancel()
        await asyncio.gather(*copies, return_exceptions=True)
        await _closed(there[1])


async def _one_answer(writer: asyncio.StreamWriter, there: _Streams, request: bytes) -> None:
    """What the library says after its request goes nowhere: it would be for a host that nobody has checked."""
    try:
        there[1].write(request)
        await there[1].drain()
        first, *headers = (await there[0].readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        writer.write(_head(first, headers))
        await _copy(there[0], writer)
    finally:
        await _closed(there[1])


async def _closed(writer: asyncio.StreamWriter) -> None:
    """Whatever it has not sent by now nobody waits for."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(_BLOCK):
        writer.write(block)
        await writer.drain()


def _passed_on(method: str, asked: str, headers: Sequence[bytes]) -> bytes:
    parts = urlsplit(asked)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _head(f"{method} {path} HTTP/1.1".encode("latin-1"), headers)


def _head(first: bytes, headers: Sequence[bytes]) -> bytes:
    """Of a request or an answer, after which the connection is closed."""
    kept = [one for one in headers if one.partition(b":")[0].strip().lower() not in _OF_PROXY]
    return b"\r\n".join([first, *kept, b"Connection: close", b"", b""])


def _is(name: bytes, wanted: bytes) -> bool:
    return name.strip().lower() == wanted
