"""Where a question's time went, as a trace: names and times of its stages, never a word of it."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Span:
    """began, ended: nanoseconds since 1970."""

    name: str
    began: int
    ended: int


@dataclass(slots=True)
class Trace:
    """id: 32 hexadecimal digits; parent: the span of the caller's own trace that this belongs to, 16 of them."""

    name: str
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    parent: str = ""
    began: int = field(default_factory=time.time_ns)
    ended: int = 0
    failed: bool = False
    attributes: dict[str, str | int] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


@contextmanager
def traced(trace: Trace) -> Iterator[None]:
    """What is noted in the block, also by tasks that begin in it, belongs to the trace."""
    token = _current.set(trace)
    try:
        yield
    finally:
        _current.reset(token)
        trace.ended = time.time_ns()


def note_span(name: str, seconds: float) -> None:
    """A stage that ends now; nothing where nobody traces."""
    if (trace := _current.get()) is not None:
        ended = time.time_ns()
        trace.spans.append(Span(name, ended - int(seconds * 1e9), ended))
