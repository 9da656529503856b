"""One trace for each question: opened before its route, closed after the last byte of its answer."""

import re
from collections.abc import Callable, Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ragkeeper.core.tracing import Trace, traced

# https://www.w3.org/TR/trace-context/#traceparent-header
_PARENT = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")
_SERVER_ERROR = 500


class Tracing:
    """paths: on which questions are asked. finished: takes the trace; must be quick and not raise."""

    def __init__(self, app: ASGIApp, paths: Collection[str], finished: Callable[[Trace], None]) -> None:
        self._app = app
        self._paths = frozenset(paths)
        self._finished = finished

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in self._paths:
            await self._app(scope, receive, send)
            return

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                trace.attributes["http.response.status_code"] = message["status"]
                trace.failed = message["status"] >= _SERVER_ERROR
            await send(message)

        trace = _begun(scope)
        try:
            with traced(trace):
                await self._app(scope, receive, send_and_note)
        except BaseException:
            trace.failed = True
            raise
        finally:
            trace.attributes["ragkeeper.request_id"] = scope.get("state", {}).get("request_id", "")
            if trace.spans:
                self._finished(trace)


def _begun(scope: Scope) -> Trace:
    """A part of the caller's own trace, where they name one."""
    trace = Trace(f"{scope['method']} {scope['path']}")
    trace.attributes.update({"http.request.method": scope["method"], "http.route": scope["path"]})
    if match := _PARENT.fullmatch(dict(scope["headers"]).get(b"traceparent", b"")):
        trace.id, trace.parent = match[1].decode(), match[2].decode()
    return trace
