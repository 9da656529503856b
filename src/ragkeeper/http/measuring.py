"""Counts every request by its route's template, and measures how long its answer took."""

import re
import time
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ragkeeper.core.metrics import HTTP_REQUESTS, HTTP_SECONDS, Metrics

UNKNOWN_PATH = "unknown"
_CRASHED = "500"
_GONE = "499"
_EVENTS = b"text/event-stream"


class RequestMetrics:
    """Around everything else, so that a refusal is counted too. Paths that no route has share one label."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._templates = _Templates()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            await self._app(scope, receive, answer.send)
        except Exception:
            answer.status = answer.status or _CRASHED  # the server's own handler answers it outside of this one
            raise
        finally:
            method, path = scope["method"], self._templates.of(scope)
            self._metrics.count(HTTP_REQUESTS, method=method, path=path, status=answer.status or _GONE)
            self._metrics.observe(HTTP_SECONDS, answer.seconds(), method=method, path=path)


class _Answer:
    """What is seen of an answer on its way out."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._began = time.perf_counter()
        self._first_byte: float | None = None
        self.status = ""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = str(message["status"])
            if dict(message["headers"]).get(b"content-type", b"").startswith(_EVENTS):
                self._first_byte = time.perf_counter()
        await self._send(message)

    def seconds(self) -> float:
        """To the last byte; how long a stream of events stays open says nothing about the server."""
        return (self._first_byte or time.perf_counter()) - self._began


class _Templates:
    """The templates of an application's routes, for requests that were refused before their route was found."""

    def __init__(self) -> None:
        self._known: list[tuple[re.Pattern[str], str]] | None = None

    def of(self, scope: Scope) -> str:
        """Such as `/api/v1/documents/{document_id}`."""
        route = scope.get("route")
        if route is not None:
            return str(route.path)
        if self._known is None:
            self._known = _templates(scope.get("app"))
        fitting = (template for pattern, template in self._known if pattern.match(scope.get("path", "")))
        return next(fitting, UNKNOWN_PATH)


def _templates(app: Any) -> list[tuple[re.Pattern[str], str]]:
    paths = [context.path for context in iter_route_contexts(app.routes)] if app is not None else []
    return [(compile_path(path)[0], path) for path in paths if path]
