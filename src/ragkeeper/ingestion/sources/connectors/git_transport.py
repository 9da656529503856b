"""Git over HTTP that goes out through the guarded client only: addresses are checked and pinned, redirects too.

The library works in a thread and asks for one request at a time; each is made on the event loop.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import Any, TypeVar

from dulwich.client import AbstractHttpGitClient

from ragkeeper.ingestion.sources.connectors.errors import ItemUnavailable
from ragkeeper.ingestion.sources.connectors.fetch import Answer, Fetcher, Request
from ragkeeper.ingestion.sources.errors import SourceError, SourceUnreachable

LARGEST_PACK = 4 * 1024**3
_GIT = "application/x-git-"

T = TypeVar("T")


class Stopped(SourceError):
    """The fetch was called off."""


class Bridge:
    """From the library's thread to the event loop, until it is stopped."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._pending: Future[Any] | None = None
        self._is_stopped = False

    def ask(self, work: Coroutine[Any, Any, T]) -> T:
        """Raises Stopped after `stop`."""
        with self._lock:
            if self._is_stopped:
                work.close()
                raise Stopped
            pending = asyncio.run_coroutine_threadsafe(work, self._loop)
            self._pending = pending
        try:
            return pending.result()
        except CancelledError as error:
            raise Stopped from error

    def stop(self) -> None:
        with self._lock:
            self._is_stopped = True
            if self._pending:
                self._pending.cancel()


class GitResponse:
    """What the library wants to see of an answer."""

    def __init__(
        self, opened: AbstractAsyncContextManager[Answer], answer: Answer, asked_for: str, bridge: Bridge
    ) -> None:
        self.status = answer.status
        self.content_type = answer.headers.get("content-type")
        self.redirect_location = answer.url if answer.url != asked_for else ""
        self._opened = opened
        self._chunks = answer.chunks(LARGEST_PACK)
        self._bridge = bridge
        self._buffer = bytearray()

    def read(self, n_bytes: int) -> bytes:
        """Exactly so many bytes, fewer at the end."""
        while len(self._buffer) < n_bytes:
            chunk = self._bridge.ask(_next(self._chunks))
            if not chunk:
                break
            self._buffer += chunk
        piece = bytes(self._buffer[:n_bytes])
        del self._buffer[:n_bytes]
        return piece

    def close(self) -> None:
        self._bridge.ask(self.end())

    async def end(self) -> None:
        """What `close` does, for those who are on the event loop already."""
        await self._chunks.aclose()
        await self._opened.__aexit__(None, None, None)


class GuardedGitClient(AbstractHttpGitClient):
    """Only the protocol that Git servers speak today: the old one of plain files is refused."""

    def __init__(self, url: str, fetcher: Fetcher, bridge: Bridge) -> None:
        super().__init__(url, dumb=False, quiet=True)
        self._fetcher = fetcher
        self._bridge = bridge

    def _http_request(  # type: ignore[override]  # the library names urllib3's class and uses what GitResponse has
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,  # noqa: ARG002 - the library's
    ) -> tuple[GitResponse, Callable[[int], bytes]]:
        content = data if data is None or isinstance(data, bytes) else b"".join(data)
        request = Request(url, "GET" if content is None else "POST", headers or {}, content)
        response = self._bridge.ask(self._open(request))
        return response, response.read

    def _get_url(self, path: str | bytes) -> str:
        """The repository is named whole already; the library asks for `path` below it."""
        del path
        return str(self._base_url)

    async def _open(self, request: Request) -> GitResponse:
        """Raises SourceUnreachable for an answer that no Git server gives."""
        opened = self._fetcher.open(request)
        try:
            answer = await opened.__aenter__()
        except ItemUnavailable as error:
            raise SourceUnreachable(location=self._base_url, reason=error.message.rstrip(".")) from error
        response = GitResponse(opened, answer, request.url, self._bridge)
        reason = _objection(answer)
        if reason:
            await response.end()
            raise SourceUnreachable(location=self._base_url, reason=reason)
        return response


def _objection(answer: Answer) -> str | None:
    if answer.status in {401, 403, 404}:
        return f"the server answers {answer.status}: there is no such repository, or it is not public"
    if answer.status != HTTPStatus.OK:
        return f"the server answers {answer.status}"
    return None if answer.content_type.startswith(_GIT) else "what answers there is no Git server"


async def _next(chunks: AsyncGenerator[bytes]) -> bytes:
    return await anext(chunks, b"")
