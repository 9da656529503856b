"""Who may send a body, and how large: decided before a byte of it is read or stored."""

from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.http.caller import authenticate
from ragkeeper.http.errors import BodyTooLarge, NotAuthenticated, problem_response
from ragkeeper.http.lingering import has_body
from ragkeeper.http.ports import Authenticator

_MEGABYTE = 1_000_000
_READ_ONLY = frozenset({"GET", "HEAD", "OPTIONS"})
# What curl says of any data.
_UNSAID = "application/x-www-form-urlencoded"
# The rest of a refused body is not waited for.
_CLOSE = {"connection": "close"}


class KeyBeforeBody:
    """Answers 401 to a body without a valid key, and closes the connection.

    FastAPI reads a body before it asks a route's dependencies, so these alone would let strangers fill memory and
    disk. Read-only methods pass: no route of theirs reads a body.
    """

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self._app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if await self._welcome(scope):
            await self._app(scope, receive, send)
        else:
            await _refuse(NotAuthenticated(), scope, receive, send)

    async def _welcome(self, scope: Scope) -> bool:
        if scope["type"] != "http" or scope["method"] in _READ_ONLY:
            return True
        headers = Headers(scope=scope)
        return not has_body(headers.raw) or await authenticate(self._authenticator, headers) is not None


class JsonUnsaid:
    """Takes a body on these paths as JSON where the client does not say what it is, as `curl -d` does not.

    Only a key in a header lets anybody in, so no page of another site can make use of it.
    """

    def __init__(self, app: ASGIApp, paths: frozenset[str]) -> None:
        self._app = app
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in self._paths:
            headers = MutableHeaders(scope=scope)
            if headers.get("content-type", _UNSAID) == _UNSAID:
                headers["content-type"] = "application/json"
        await self._app(scope, receive, send)


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Bytes of a body: of an uploaded form, of text sent to the same paths, and anywhere else."""

    form: int
    text: int
    other: int
    upload_paths: frozenset[str] = field(default_factory=frozenset)

    def of(self, path: str, content_type: str) -> int:
        if path not in self.upload_paths:
            return self.other
        return self.form if content_type.startswith("multipart/form-data") else self.text


class BodyLimit:
    """Refuses bodies above a size with 413, whether the client announces it or only sends on."""

    def __init__(self, app: ASGIApp, limits: BodyLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = self._limits.of(scope["path"], headers.get("content-type", ""))
        body = _Counted(receive, send, limit, unread=has_body(headers.raw))
        if _announced(headers) > limit:
            body.exceeded = True
        else:
            await body.run(self._app, scope)
        if body.exceeded and not body.answered:
            await _refuse(BodyTooLarge(limit_mb=limit // _MEGABYTE), scope, receive, send)


class _Counted:
    """One request whose body is counted. Whatever the application answers to a body cut off at the limit is dropped.

    An answer that comes before the end of the body closes the connection: nobody wants the rest.
    """

    def __init__(self, receive: Receive, send: Send, limit: int, *, unread: bool) -> None:
        self.exceeded = self.answered = False
        self._unread = unread
        self._receive = receive
        self._send = send
        self._left = limit

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._counted, self._passed)
        except _CutOffError:
            return

    async def _counted(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        self._unread = self._unread and message.get("more_body", False)
        if self._left < 0:
            self.exceeded = True
            raise _CutOffError
        return message

    async def _passed(self, message: Message) -> None:
        if self.exceeded and not self.answered:
            return
        self.answered = True
        if self._unread and message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in _CLOSE.items())]
        await self._send(message)


class _CutOffError(Exception):
    """The body is longer than its limit. Frameworks may turn this into an answer of their own, which is dropped."""


async def _refuse(error: RagkeeperError, scope: Scope, receive: Receive, send: Send) -> None:
    request_id = str(scope.get("state", {}).get("request_id", ""))
    await problem_response(error, request_id, _CLOSE)(scope, receive, send)


def _announced(headers: Headers) -> int:
    announced = headers.get("content-length", "0")
    return int(announced) if announced.isdecimal() else 0
