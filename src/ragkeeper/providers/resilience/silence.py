"""Notices a provider that says nothing more to anybody, long before each call's own time limit ends.

A provider that hangs lets all who ask wait, and every one of them as long as the first. So when a few calls have waited
much longer than usual for their first piece, and nobody has heard anything at all of the provider meanwhile, all of
them are ended. A slow one, which answers somebody while the others wait, is left alone; and so is one that has rested:
it may have to be loaded first.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# So many waiting calls are no accident; after a failure one is enough.
_FEW = 3
# So many times the usual time is much longer, if it is so many seconds at least.
_MUCH = 3.0
_LEAST = 5.0
# The usual time holds for a provider that was heard of so many seconds ago.
_RESTED = 120.0
_LOOK_AGAIN = 0.25


@dataclass(eq=False, slots=True)
class _Waiting:
    """suspicious: seconds after which it has waited too long, if nothing was heard meanwhile."""

    limit: asyncio.Timeout
    began: float
    suspicious: float
    timer: asyncio.TimerHandle | None = None


class Silence:
    """usual: the time that nearly all first pieces take, None while nobody knows.

    failing: whether the last call failed. least: seconds that are never suspicious.
    """

    def __init__(
        self, usual: Callable[[], float | None], failing: Callable[[], bool], *, least: float = _LEAST
    ) -> None:
        self._usual = usual
        self._failing = failing
        self._least = least
        self._heard: float | None = None
        self._waiting: set[_Waiting] = set()

    def heard(self) -> None:
        """The provider has said something, to whomever."""
        self._heard = asyncio.get_running_loop().time()

    @contextmanager
    def wait(self, limit: asyncio.Timeout, at_most: float) -> Iterator[None]:
        """The block waits for a first piece; `limit`, which is around it, ends with the provider's silence.

        at_most: seconds that are suspicious whatever is usual.
        """
        now = asyncio.get_running_loop().time()
        one = _Waiting(limit, now, self._suspicious(now, at_most))
        self._waiting.add(one)
        self._look_later(one, one.suspicious)
        try:
            yield
        finally:
            self._waiting.discard(one)
            if one.timer is not None:
                one.timer.cancel()

    def _suspicious(self, now: float, at_most: float) -> float:
        usual = self._usual()
        if usual is None or self._heard is None or now - self._heard > _RESTED:
            return at_most
        return min(at_most, max(self._least, _MUCH * usual))

    def _look_later(self, one: _Waiting, seconds: float) -> None:
        one.timer = asyncio.get_running_loop().call_later(seconds, self._look, one)

    def _look(self, one: _Waiting) -> None:
        now = asyncio.get_running_loop().time()
        overdue = [other for other in self._waiting if self._is_overdue(other, now)]
        if len(overdue) < (1 if self._failing() else _FEW):
            self._look_later(one, _LOOK_AGAIN)
            return
        for other in overdue:
            if not other.limit.expired():
                other.limit.reschedule(now)

    def _is_overdue(self, one: _Waiting, now: float) -> bool:
        quiet_since = one.began if self._heard is None else max(one.began, self._heard)
        return now - quiet_since >= one.suspicious
