"""A door before a stand-in: what goes through it can be refused or left waiting, and let through again."""

import asyncio
from typing import Self
from urllib.parse import urlsplit

from bench.ports import free_port

_CHUNK = 65_536


class Door:
    """`async with Door(standin.base_url) as door:` gives `door.base_url`, which stays the same when it is shut."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._target = (parts.hostname or "", parts.port or 0)
        self._path = parts.path
        self._port = free_port()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}{self._path}"

    async def open(self) -> None:
        """As before. What was left waiting goes on."""
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)

    async def refuse(self) -> None:
        """No connection is accepted any more, and those there are break."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def hang(self) -> None:
        """Connections are accepted, and nothing goes through any of them."""
        self._flowing.clear()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._join(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.close())  # also of one that was ended before it began

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            first = await reader.read(_CHUNK)
            await self._flowing.wait()
            if not first or reader.at_eof():
                return  # whoever came has left: what stands behind never hears of it
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            self._writers.add(far_writer)
            far_writer.write(first)
            try:
                await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
            finally:
                self._writers.discard(far_writer)
                far_writer.close()
        except ConnectionError:
            pass  # one of the two sides is gone, or the door was shut
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_CHUNK):
            await self._flowing.wait()
            writer.write(piece)
            await writer.drain()
        await self._flowing.wait()
        writer.close()  # whoever ends one direction ends both: HTTP knows no other way
