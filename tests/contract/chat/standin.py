"""A loopback stand-in for an OpenAI-compatible server, with each way such a server fails.

`async with StandIn() as server:` gives `server.base_url`; `server.behave(...)` chooses what the next requests get;
`server.requests` holds the bodies received, `server.times` when (monotonic seconds), `server.most_at_once` how many at
the same time; `server.hung_up` is set when a client closed a connection early. It waits `server.delay` seconds first,
and `server.pause` seconds before each further piece of a stream.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, Self

MODELS = ("tiny", "llama3:latest")


class Behaviour(StrEnum):
    REPLY = "reply"
    HANG = "hang"
    HANG_AFTER_FIRST = "hang after the first piece"
    ENDLESS = "endless"
    HALF = "half a stream, connection dropped"
    SHORT = "stream closed without its end mark"
    MALFORMED = "malformed JSON"
    NOT_A_COMPLETION = "JSON of another kind"
    ERROR_IN_STREAM = "error event in the stream"
    STATUS = "status"


class StandIn:
    def __init__(self, pieces: Sequence[str] = ("Hello", " ", "world [1].")) -> None:
        self.pieces = tuple(pieces)
        self.behaviour = Behaviour.REPLY
        self.status = 200
        self.headers: dict[str, str] = {}
        self.error: dict[str, Any] = {"message": "refused"}
        self.refused_parameters: tuple[str, ...] = ()
        self.delay = 0.0
        self.pause = 0.0
        self.times: list[float] = []
        self.most_at_once = 0
        self.running = 0
        self.requests: list[dict[str, Any]] = []
        self.received_headers: list[dict[str, str]] = []
        self.hung_up = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def base_url(self) -> str:
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}/v1"

    def behave(self, behaviour: Behaviour, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.behaviour, self.status, self.headers = behaviour, status, headers or {}

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (head := await _read_head(reader)) is not None:
                method_path, headers = head
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.received_headers.append(headers)
                with self._counted(method_path):
                    await asyncio.sleep(self.delay)
                    if not await self._answer(method_path, json.loads(body or b"{}"), reader, writer):
                        return
        except (ConnectionError, asyncio.IncompleteReadError):
            self.hung_up.set()
        finally:
            writer.close()

    @contextmanager
    def _counted(self, line: str) -> Iterator[None]:
        """Calls of the model; a list of the models is none."""
        if line.startswith("GET"):
            yield
            return
        self.times.append(time.monotonic())
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            yield
        finally:
            self.running -= 1

    async def _answer(
        self, line: str, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; returns whether the connection may be used again."""
        if self.behaviour is Behaviour.STATUS:
            return await _send_json(writer, {"error": self.error}, self.status, self.headers)
        if self.behaviour is Behaviour.HANG:
            await self._until_hung_up(reader)
            return False
        if line.startswith("GET"):
            return await _send_json(writer, {"object": "list", "data": [{"id": name} for name in MODELS]})
        self.requests.append(body)
        refused = [name for name in self.refused_parameters if name in body]
        if refused:
            error = {"message": f"Unsupported parameter: {refused[0]}", "param": refused[0]}
            return await _send_json(writer, {"error": error}, 400)
        return await (self._stream(reader, writer) if body.get("stream") else self._whole(writer))

    async def _whole(self, writer: asyncio.StreamWriter) -> bool:
        if self.behaviour is Behaviour.MALFORMED:
            return await _send(writer, b'{"choices": [', "application/json", 200, {})
        if self.behaviour is Behaviour.HALF:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{")
            await writer.drain()
            return False
        if self.behaviour is not Behaviour.REPLY:
            return await _send_json(writer, {"detail": "something else"})
        message = {"role": "assistant", "content": "".join(self.pieces)}
        reply = {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": "tiny",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        }
        return await _send_json(writer, reply)

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        first, rest = self.pieces[:1], self.pieces[1:]
        for piece in first:
            await _send_event(writer, _chunk(piece))
        if self.behaviour is Behaviour.REPLY:
            for piece in rest:
                await asyncio.sleep(self.pause)
                await _send_event(writer, _chunk(piece))
            await _send_event(writer, _chunk(None))
            await _send_event(writer, "[DONE]")
        elif self.behaviour is Behaviour.HANG_AFTER_FIRST:
            await self._until_hung_up(reader)
            return False
        elif self.behaviour is Behaviour.ENDLESS:
            await self._write_for_ever(writer)
        elif self.behaviour is Behaviour.HALF:
            return False
        elif self.behaviour is Behaviour.MALFORMED:
            await _send_event(writer, '{"choices": [')
        elif self.behaviour is Behaviour.ERROR_IN_STREAM:
            await _send_event(writer, json.dumps({"error": {"message": "out of memory"}}))
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _write_for_ever(self, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            await _send_event(writer, _chunk("more "))
            await asyncio.sleep(0.001)
        self.hung_up.set()

    async def _until_hung_up(self, reader: asyncio.StreamReader) -> None:
        while await reader.read(1):
            pass
        self.hung_up.set()


async def _read_head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]] | None:
    line = await reader.readline()
    if not line:
        return None
    headers: dict[str, str] = {}
    while (header := (await reader.readline()).decode().strip()) != "":
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    return line.decode(), headers


async def _send_json(
    writer: asyncio.StreamWriter, body: object, status: int = 200, headers: dict[str, str] | None = None
) -> bool:
    return await _send(writer, json.dumps(body).encode(), "application/json", status, headers or {})


async def _send(writer: asyncio.StreamWriter, body: bytes, kind: str, status: int, headers: dict[str, str]) -> bool:
    lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    await writer.drain()
    return True


async def _send_event(writer: asyncio.StreamWriter, data: str) -> None:
    event = f"data: {data}\n\n".encode()
    writer.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
    await writer.drain()


def _chunk(piece: str | None) -> str:
    delta = {} if piece is None else {"content": piece}
    choice = {"index": 0, "delta": delta, "finish_reason": "stop" if piece is None else None}
    kind = "chat.completion.chunk"
    return json.dumps({"id": "x", "object": kind, "created": 0, "model": "tiny", "choices": [choice]})
