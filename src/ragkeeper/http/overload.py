"""Turns away what cannot be answered in time: at once, the least important first, before any work is done for it.

Who only waits for somebody else's model takes a place all the same, or a slow model would be asked ever more. So where
there is one, those who find no place are answered without it, as long as this process has time for that.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.metrics import CONCURRENCY_LIMIT, REQUESTS_SHED, Metrics
from ragkeeper.core.spared import work
from ragkeeper.core.unaided import unaided
from ragkeeper.http.caller import given_key
from ragkeeper.http.errors import problem_response
from ragkeeper.http.gate import Gate
from ragkeeper.http.limit import AdaptiveLimit, LimitRules
from ragkeeper.http.middleware import UNLOGGED

_log = structlog.get_logger()
_LOG_EVERY = 1.0
_REFUSED = 400


class Overloaded(RagkeeperError):
    """More is asked of the server than it can answer in time: {kind} is turned away."""

    code = "overloaded"
    status = 503
    fix = "Ask again after the seconds in `Retry-After`; if this lasts, see docs/operate/overloaded.md."


class Kind(StrEnum):
    """What is limited together, since it takes about the same time. The first are turned away last."""

    SEARCH = "search"
    CHAT = "chat"
    READ = "read"
    UPLOAD = "upload"


_RETRY_AFTER = {Kind.SEARCH: 1, Kind.CHAT: 2, Kind.READ: 1, Kind.UPLOAD: 5}
# What is not named here is never turned away: health, metrics, administration, signing in.
_PATHS: Mapping[str, Kind] = {
    "/api/v1/search": Kind.SEARCH,
    "/v1/embeddings": Kind.SEARCH,
    "/chat": Kind.CHAT,
    "/api/chat": Kind.CHAT,
    "/v1/chat": Kind.CHAT,
    "/api/v1/documents": Kind.READ,
}
# People wait for these; what runs by itself waits for them.
_BEFORE_UPLOADS = (Kind.SEARCH, Kind.CHAT)


# How long a file is on its way says how fast the reader's line is: slow lines must not keep lists from others.
_DOWNLOAD = "/original"
_DELETION = "/api/v1/documents/delete"


def kind_of(method: str, path: str) -> Kind | None:
    if path.endswith(_DOWNLOAD):
        return None
    for prefix, kind in _PATHS.items():
        if path == prefix or path.startswith(f"{prefix}/"):
            uploads = kind is Kind.READ and method == "POST" and path != _DELETION
            return Kind.UPLOAD if uploads else kind
    return None


# One interpreter computes one thing at a time, whatever the machine has: a second search fills only the gaps of the
# first, and both take longer. Kinds differ in how much of their time is waiting for others.
_RULES: Mapping[Kind, LimitRules] = {
    Kind.SEARCH: LimitRules(1, 4, 200, tolerance=1.3),
    # When a model begins depends on the length of what it is given to read.
    Kind.CHAT: LimitRules(2, 16, 500, tolerance=2.5),
    Kind.READ: LimitRules(4, 16, 200, tolerance=3.0),
    Kind.UPLOAD: LimitRules(4, 16, 200, tolerance=3.0),
}


# Seconds: who waits for an answer that takes seconds may wait for its beginning too.
_PATIENCE: Mapping[Kind, float] = {Kind.SEARCH: 0.5, Kind.CHAT: 2.0, Kind.READ: 0.5, Kind.UPLOAD: 5.0}


def gates() -> dict[Kind, Gate]:
    return {kind: Gate(AdaptiveLimit(rules), _PATIENCE[kind]) for kind, rules in _RULES.items()}


def unaided_gates(aided: Collection[Kind]) -> dict[Kind, Gate]:
    """aided: what asks models of somebody else's; without them it takes about as long as a search."""
    return {kind: Gate(AdaptiveLimit(_RULES[Kind.SEARCH]), _PATIENCE[Kind.SEARCH]) for kind in aided}


@dataclass(slots=True)
class _Refusals:
    """One line a second in the log, however many there are."""

    clock: Callable[[], float]
    count: int = 0
    logged: float = float("-inf")

    def note(self, kind: Kind) -> None:
        self.count += 1
        if self.clock() >= self.logged + _LOG_EVERY:
            _log.warning("overloaded", kind=kind.value, refused=self.count)
            self.logged, self.count = self.clock(), 0


Recognises = Callable[[str], bool]
"""Whether a key is known to be valid, without asking anything that takes time."""


def _everybody(_key: str) -> bool:
    return True


class Overload:
    """Uploads give way to searches and answers, and strangers to who signs in. Within RequestEnvelope.

    Who sends a key that is not known to be valid is a stranger.
    """

    def __init__(
        self,
        app: ASGIApp,
        gates: Mapping[Kind, Gate],
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        unaided_gates: Mapping[Kind, Gate] | None = None,
        recognises: Recognises = _everybody,
    ) -> None:
        self._app = app
        self._recognises = recognises
        self._gates = gates
        self._unaided = unaided_gates or {}
        self._metrics = metrics
        self._clock = clock
        self._refusals = _Refusals(clock)
        metrics.before_scrape(self._show_limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = kind_of(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if kind is None:
            await self._app(scope, receive, send)
            return
        gate = await self._enter(kind, scope)
        if gate is None:
            await self._refuse(kind, scope, receive, send)
            return
        seconds: float | None = None
        try:
            with unaided(wanted=gate is not self._gates[kind]):
                seconds = await self._timed(scope, receive, send)
        finally:
            gate.leave(seconds)

    async def _timed(self, scope: Scope, receive: Receive, send: Send) -> float | None:
        """How long the answer took, or took to begin where a model writes it.

        None where that says nothing about others: refused, gone, or kept from before.
        """
        answered = False

        async def watched(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = message["status"] < _REFUSED
            await send(message)

        began = self._clock()
        with work(self._clock) as done:
            await self._app(scope, receive, watched)
        # A long answer is no sign of too many: where a model writes it, its beginning counts.
        end = self._clock() if done.spoke_at is None else done.spoke_at
        return end - began if answered and not done.spared else None

    def _show_limits(self) -> None:
        for kind, gate in self._gates.items():
            self._metrics.set(CONCURRENCY_LIMIT, gate.limit.current, kind=kind.value)

    async def _enter(self, kind: Kind, scope: Scope) -> Gate | None:
        """The gate that let the request in."""
        if kind is Kind.UPLOAD and any(self._last_gate(other).pressed for other in _BEFORE_UPLOADS):
            return None
        first, last = self._gates[kind], self._last_gate(kind)
        for gate in (first,) if last is first else (first, last):
            if await gate.enter(may_wait=not gate.pressed or self._signs_in(scope)):
                return gate
        return None

    def _signs_in(self, scope: Scope) -> bool:
        key = given_key(Headers(scope=scope))
        return key is not None and self._recognises(key)

    def _last_gate(self, kind: Kind) -> Gate:
        """Whom this one turns away is turned away."""
        return self._unaided.get(kind, self._gates[kind])

    async def _refuse(self, kind: Kind, scope: Scope, receive: Receive, send: Send) -> None:
        self._refusals.note(kind)
        self._metrics.count(REQUESTS_SHED, kind=kind.value)
        error = Overloaded(kind=f"{kind.value} requests")
        error.retry_after = _RETRY_AFTER[kind]
        scope["state"][UNLOGGED] = True
        # The rest of a large body is not waited for.
        headers = {"connection": "close"} if kind is Kind.UPLOAD else None
        await problem_response(error, scope["state"]["request_id"], headers)(scope, receive, send)
