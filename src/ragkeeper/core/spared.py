"""What the request at hand says of its own time: whether a cache spared it the work, and when its answer began.

How long an answer takes tells how much a model had to say; when it began tells how many were waiting before it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Work:
    """spoke_at: when the model that was asked last began to write, by the clock; None where none has."""

    clock: Callable[[], float] = time.monotonic
    spared: bool = False
    spoke_at: float | None = None


_WORK: ContextVar[Work | None] = ContextVar("work", default=None)


@contextmanager
def work(clock: Callable[[], float] = time.monotonic) -> Iterator[Work]:
    """The block is one request's, and so are the tasks that it begins."""
    found = Work(clock)
    token = _WORK.set(found)
    try:
        yield found
    finally:
        _WORK.reset(token)


def spare() -> None:
    """The work at hand, if any, need not be done."""
    found = _WORK.get()
    if found is not None:
        found.spared = True


def speak() -> None:
    """A model has begun to write for the work at hand, if any."""
    found = _WORK.get()
    if found is not None:
        found.spoke_at = found.clock()
