"""A loopback stand-in for a server with `/embeddings`, with each way such a server fails.

`async with StandIn() as server:` gives `server.base_url`; `server.replies` holds what the next requests get instead of
vectors; `server.requests` holds the bodies received.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Self

from ragkeeper.providers.embedding.fake import FakeEmbedder


@dataclass(frozen=True, slots=True)
class Reply:
    status: int = 200
    body: bytes = b"{}"


class StandIn:
    """Vectors are those of the fake, not of unit length and listed backwards: a client has to mend both."""

    def __init__(self, dimension: int = 64) -> None:
        self.replies: list[Reply] = []
        self.requests: list[dict[str, Any]] = []
        self._embedder = FakeEmbedder(dimension, max_tokens=100_000)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def base_url(self) -> str:
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}/v1"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client is gone
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        request = json.loads(await reader.readexactly(length))
        self.requests.append(request)
        reply = self.replies.pop(0) if self.replies else Reply(body=await self._vectors(request))
        writer.write(
            f"HTTP/1.1 {reply.status} Any\r\ncontent-type: application/json\r\nconnection: close\r\n"
            f"retry-after-ms: 1\r\ncontent-length: {len(reply.body)}\r\n\r\n".encode()
            + reply.body
        )
        await writer.drain()

    async def _vectors(self, request: dict[str, Any]) -> bytes:
        vectors = 3 * await self._embedder.embed_documents(request["input"])
        data = [{"object": "embedding", "index": i, "embedding": v.tolist()} for i, v in enumerate(vectors)]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return json.dumps({"object": "list", "model": request["model"], "data": data[::-1], "usage": usage}).encode()
