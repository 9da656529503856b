"""Refuses what would change something while the server is to change nothing."""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.http.errors import problem_response

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
# Running the server goes on: whoever made it read-only must be able to end that.
_RUNNING = ("/admin/", "/auth/")

Refusal = Callable[[], RagkeeperError | None]
"""Why no change is taken at this moment; None when changes are."""


class ChangesRefused:
    """Every path counts as one that changes something, but for methods that read and `asking`, which ask by POST."""

    def __init__(self, app: ASGIApp, refusal: Refusal, asking: frozenset[str]) -> None:
        self._app = app
        self._refusal = refusal
        self._asking = asking

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal() if scope["type"] == "http" and self._changes(scope) else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        request_id = str(scope.get("state", {}).get("request_id", ""))
        await problem_response(refusal, request_id)(scope, receive, send)

    def _changes(self, scope: Scope) -> bool:
        path = scope["path"]
        return scope["method"] not in _READING and path not in self._asking and not path.startswith(_RUNNING)
