"""Counts every request by its route's template, and measures how long its answer took."""

import re
import time
from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ragkeeper.core.figures.work import UPLOADS
from ragkeeper.core.metrics import (
    ERRORS,
    HTTP_REQUESTS,
    HTTP_SECONDS,
    REQUESTS_BY_CALLER,
    REQUESTS_IN_FLIGHT,
    Metrics,
)
from ragkeeper.http.caller import CALLER_KIND
from ragkeeper.http.templates import route_template

_CRASHED = "500"
_GONE = "499"
_EVENTS = b"text/event-stream"
_PROBLEM = b"application/problem+json"
# An error in the middle of a stream comes after status 200: the event alone tells it.
_ERROR_EVENTS = (b"event: error\n", b'data: {"error":')
_CODE = re.compile(rb'"code":\s*"([a-z0-9_]{1,60})"')
_CRASHED_CODE = "internal_error"
_RESULTS = {"4": "refused", "5": "failed"}


class RequestMetrics:
    """Around everything else, so that a refusal is counted too. Paths that no route has share one label."""

    def __init__(self, app: ASGIApp, metrics: Metrics, uploads: Collection[str] = ()) -> None:
        """uploads: the templates of routes that take documents in by POST."""
        self._app = app
        self._metrics = metrics
        self._uploads = frozenset(uploads)
        self._in_flight = 0
        metrics.before_scrape(lambda: metrics.set(REQUESTS_IN_FLIGHT, self._in_flight))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        self._in_flight += 1
        try:
            await self._app(scope, receive, answer.send)
        except Exception:
            answer.crashed()  # the server's own handler answers it outside of this one
            raise
        finally:
            self._in_flight -= 1
            self._count(scope, answer)

    def _count(self, scope: Scope, answer: "_Answer") -> None:
        method, path, status = scope["method"], route_template(scope), answer.status or _GONE
        caller = scope.get("state", {}).get(CALLER_KIND, "nobody")
        self._metrics.count(HTTP_REQUESTS, method=method, path=path, status=status)
        self._metrics.observe(HTTP_SECONDS, answer.seconds(), method=method, path=path)
        self._metrics.count(REQUESTS_BY_CALLER, path=path, caller=caller)
        if answer.code:
            self._metrics.count(ERRORS, code=answer.code)
        if method == "POST" and path in self._uploads and status != _GONE:
            self._metrics.count(UPLOADS, result=_RESULTS.get(status[0], "accepted"), code=answer.code or "none")


class _Answer:
    """What is seen of an answer on its way out. code: of the error that it tells, if it does."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._began = time.perf_counter()
        self._first_byte: float | None = None
        self._is_problem = False
        self.status = ""
        self.code = ""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = str(message["status"])
            kind = dict(message["headers"]).get(b"content-type", b"")
            self._is_problem = kind.startswith(_PROBLEM)
            if kind.startswith(_EVENTS):
                self._first_byte = time.perf_counter()
        elif message["type"] == "http.response.body" and not self.code:
            self.code = self._told(message.get("body", b""))
        await self._send(message)

    def _told(self, body: bytes) -> str:
        is_problem = self._is_problem or (self._first_byte is not None and body.startswith(_ERROR_EVENTS))
        found = _CODE.search(body) if is_problem else None
        return found[1].decode() if found else ""

    def crashed(self) -> None:
        self.status = self.status or _CRASHED
        self.code = self.code or _CRASHED_CODE

    def seconds(self) -> float:
        """To the last byte; how long a stream of events stays open says nothing about the server."""
        return (self._first_byte or time.perf_counter()) - self._began
