"""Whether the request at hand was spared its work, by a cache say: then its time tells nothing about real work."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Work:
    spared: bool = False


_WORK: ContextVar[Work | None] = ContextVar("work", default=None)


@contextmanager
def work() -> Iterator[Work]:
    """The block is one request's, and so are the tasks that it begins."""
    found = Work()
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
