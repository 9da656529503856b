"""Requests over kept-alive connections, with so little client around them that the server's cost is what is seen.

`httpx` spends about a millisecond of processor time per request, which on a small machine is the server's to lose.
"""

import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlsplit

import numpy as np

# On a machine that others keep busy even four searches at a time are more than can be answered in time.
_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Request:
    """`body` None: a GET."""

    path: str
    body: bytes | None = None

    @classmethod
    def of(cls, path: str, body: Any = None) -> Self:
        return cls(path, None if body is None else json.dumps(body).encode())


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a run: milliseconds per request in the order of the requests, wall-clock seconds, bodies.

    refused: how many answers told to ask again later; what these requests waited is in their milliseconds.
    """

    milliseconds: list[float]
    seconds: float
    bodies: list[bytes]
    refused: int = 0

    @property
    def per_second(self) -> float:
        return len(self.milliseconds) / self.seconds

    def percentile(self, share: float) -> float:
        return float(np.percentile(self.milliseconds, share))

    def json(self) -> Iterable[Any]:
        return map(json.loads, self.bodies)

    def __str__(self) -> str:
        shares = ", ".join(f"p{share} {self.percentile(share):.2f} ms" for share in (50, 95, 99))
        refused = f", {self.refused} times told to ask again" if self.refused else ""
        return f"{shares}, {self.per_second:.0f} requests/s{refused}"


class Connection:
    """One kept-alive connection. Bodies must come with a length, as the server's JSON does."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str, host: str) -> None:
        self._reader = reader
        self._writer = writer
        self._head = f"Host: {host}\r\nX-API-Key: {key}\r\n"
        self.refused = 0

    @classmethod
    async def open(cls, address: str, key: str) -> Self:
        parts = urlsplit(address)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 24)
        return cls(reader, writer, key, parts.netloc)

    async def send(self, request: Request) -> bytes:
        """The body of the answer. Raises SystemExit when the server refuses for good: a benchmark cannot go on then."""
        status, headers, body = await self.exchange(request)
        end = time.perf_counter() + _PATIENCE_SECONDS
        while status == HTTPStatus.SERVICE_UNAVAILABLE and "retry-after" in headers and time.perf_counter() < end:
            self.refused += 1
            await asyncio.sleep(float(headers["retry-after"]))
            status, headers, body = await self.exchange(request)
        if status >= 400:
            raise SystemExit(f"{request.path}: the server answered {status}: {body[:500].decode(errors='replace')}")
        return body

    async def exchange(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        """Whatever the server answers: status, headers by their names in lower case, body."""
        self._writer.write(self._encoded(request))
        status, headers = await self._answer()
        return status, headers, await self._reader.readexactly(int(headers.get("content-length", 0)))

    async def events(self, request: Request) -> list[tuple[str, Any, float]]:
        """Server-sent events of a chunked answer: name, data, `perf_counter` of arrival."""
        self._writer.write(self._encoded(request))
        status, _ = await self._answer()
        if status >= 400:
            raise SystemExit(f"{request.path}: the server answered {status}")
        found: list[tuple[str, Any, float]] = []
        rest = b""
        while size := int(await self._reader.readline(), 16):
            rest += await self._reader.readexactly(size)
            arrived = time.perf_counter()
            await self._reader.readline()
            *complete, rest = rest.split(b"\n\n")
            found += [(*_event(block), arrived) for block in complete if block.strip()]
        await self._reader.readline()
        return found

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    def _encoded(self, request: Request) -> bytes:
        if request.body is None:
            return f"GET {request.path} HTTP/1.1\r\n{self._head}\r\n".encode()
        kind = f"Content-Type: application/json\r\nContent-Length: {len(request.body)}\r\n"
        return f"POST {request.path} HTTP/1.1\r\n{self._head}{kind}\r\n".encode() + request.body

    async def _answer(self) -> tuple[int, dict[str, str]]:
        status, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return int(status.split(" ")[1]), headers


async def ask(address: str, key: str, request: Request) -> Any:
    """One answer over a connection of its own: the server closes those that rest."""
    connection = await Connection.open(address, key)
    answer = json.loads(await connection.send(request))
    await connection.close()
    return answer


async def run(address: str, key: str, requests: Sequence[Request], concurrency: int) -> Load:
    """Send every request once over `concurrency` connections."""
    connections = [await Connection.open(address, key) for _ in range(concurrency)]
    milliseconds = [0.0] * len(requests)
    bodies = [b""] * len(requests)
    waiting = iter(range(len(requests)))

    async def work(connection: Connection) -> None:
        for number in waiting:
            began = time.perf_counter()
            bodies[number] = await connection.send(requests[number])
            milliseconds[number] = (time.perf_counter() - began) * 1000

    began = time.perf_counter()
    await asyncio.gather(*(work(connection) for connection in connections))
    seconds = time.perf_counter() - began
    for connection in connections:
        await connection.close()
    return Load(milliseconds, seconds, bodies, sum(connection.refused for connection in connections))


def mean_stages(load: Load) -> str:
    """Where the server says the time of these searches went, in mean milliseconds."""
    stages: dict[str, list[float]] = {}
    for body in load.json():
        for name, value in body["timings_ms"].items():
            stages.setdefault(name, []).append(value)
    return ", ".join(f"{name} {sum(values) / len(load.bodies):.2f}" for name, values in stages.items())


def _event(block: bytes) -> tuple[str, Any]:
    """Name and data; the mark `[DONE]` that ends an OpenAI stream has no data."""
    fields = dict(line.split(": ", 1) for line in block.decode().split("\n") if ": " in line)
    data = fields.get("data", "null")
    return fields.get("event", "message"), None if data == "[DONE]" else json.loads(data)
