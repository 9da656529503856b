"""What happens to every request before its route: an id, a log record, security headers."""

import re
import time
import uuid

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ragkeeper.http.templates import route_template

_log = structlog.get_logger()
_REQUEST_ID = re.compile(r"[\w.-]{1,64}")
_SLOW_SECONDS = 5.0
UNLOGGED = "unlogged"
"""In a request's state: whoever answered it logs such requests together."""
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]


class RequestEnvelope:
    """Gives each request an id (the client's own, if it is a plain word), logs it, and adds security headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        began = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_HEADERS, (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            # Whatever is logged on the way of this request carries its id.
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                await self._app(scope, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - began
            if UNLOGGED not in scope["state"]:
                log = _log.info if seconds < _SLOW_SECONDS else _log.warning
                log(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    route=route_template(scope),
                    status=status,
                    ms=round(seconds * 1000, 1),
                    request_id=request_id,
                )


def _request_id(scope: Scope) -> str:
    given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
