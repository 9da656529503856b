"""Git over HTTP that goes out through the guarded client only: addresses are checked and pinned, redirects too.

The library works in a thread and asks for one request at a time; each is made on the event loop.
"""

import asyncio
import base64
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

from dulwich.client import AbstractHttpGitClient

from ragkeeper.ingestion.sources.connectors.errors import ItemUnavailable
from ragkeeper.ingestion.sources.connectors.fetch import Answer, Fetcher, Request
from ragkeeper.ingestion.sources.errors import SourceError, SourceUnreachable

LARGEST_PACK = 4 * 1024**3
_GIT = "application/x-git-"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Credential:
    """Who asks; profile: how the operator calls it. The token is told to that host (`host` or `host:port`) only."""

    profile: str
    host: str
    user: str
    token: Callable[[], str] = field(repr=False)

    def header(self, url: str) -> dict[str, str]:
        """Raises SourceUnreachable when there is no token to read."""
        if urlsplit(url).netloc.lower() != self.host:
            return {}
        try:
            secret = f"{self.user}:{self.token()}"
        except (OSError, UnicodeDecodeError) as error:
            reason = f"the token of the profile {self.profile} cannot be read: {_why(error)}"
            raise SourceUnreachable(location=url, reason=reason) from error
        return {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}


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

    def __init__(self, url: str, fetcher: Fetcher, bridge: Bridge, credential: Credential | None = None) -> None:
        super().__init__(url, dumb=False, quiet=True)
        self._credential = credential
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
        told = self._credential.header(url) if self._credential else {}
        request = Request(url, "GET" if content is None else "POST", {**(headers or {}), **told}, content)
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
        reason = _objection(answer, self._credential)
        if reason:
            await response.end()
            raise SourceUnreachable(location=self._base_url, reason=reason)
        return response


def _objection(answer: Answer, credential: Credential | None) -> str | None:
    if answer.status in {401, 403, 404}:
        why = f"the token of the profile {credential.profile} does not open it" if credential else "it is not public"
        return f"the server answers {answer.status}: there is no such repository, or {why}"
    if answer.status != HTTPStatus.OK:
        return f"the server answers {answer.status}"
    return None if answer.content_type.startswith(_GIT) else "what answers there is no Git server"


def _why(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "it is no text"


async def _next(chunks: AsyncGenerator[bytes]) -> bytes:
    return await anext(chunks, b"")
