"""Whether the request at hand is to be answered without models of somebody else's: too many wait for them already."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_UNAIDED: ContextVar[bool] = ContextVar("unaided", default=False)


@contextmanager
def unaided(*, wanted: bool = True) -> Iterator[None]:
    """For what is done in the block, and for the tasks that it begins."""
    token = _UNAIDED.set(wanted)
    try:
        yield
    finally:
        _UNAIDED.reset(token)


def is_unaided() -> bool:
    return _UNAIDED.get()
