"""Lets in so many at once, keeps a short queue outside, and turns the others away in time.

A queue that was empty a moment ago is a burst: whoever comes may wait. One that never empties is an overload, and
waiting in it only makes every answer late: then nobody waits longer than a few milliseconds (the rule of CoDel, which
Facebook uses for requests: "Fail at Scale", ACM Queue 2015).
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ragkeeper.http.limit import AdaptiveLimit

_BURST_SECONDS = 0.1
# After somebody was turned away, one expects more of the same for so long.
_PRESSED_SECONDS = 1.0
_PATIENCE = 0.5
_PATIENCE_PRESSED = 0.003
# The queue is never longer than what is worked on so many times over.
_QUEUE = 8


@dataclass(slots=True)
class Gate:
    """For the tasks of one event loop. `enter`, and if it lets in, `leave`."""

    limit: AdaptiveLimit
    clock: Callable[[], float] = time.monotonic
    at_once: int = 0
    _queue: deque[asyncio.Future[bool]] = field(default_factory=deque)
    _emptied: float = float("-inf")
    _pressed_until: float = float("-inf")

    @property
    def pressed(self) -> bool:
        """More come than can be answered, and not just for a moment."""
        now = self.clock()
        return now < self._pressed_until or (bool(self._queue) and now > self._emptied + _BURST_SECONDS)

    async def enter(self, *, may_wait: bool = True) -> bool:
        """Whether one more is worked on now; False: there is no room, and none came free in time."""
        if self.at_once < self.limit.current and not self._queue:
            self.at_once += 1
            self._emptied = self.clock()
            return True
        entered = False
        if may_wait and len(self._queue) < _QUEUE * self.limit.current:
            entered = await self._wait()
        if not entered:
            self._pressed_until = self.clock() + _PRESSED_SECONDS
        return entered

    async def _wait(self) -> bool:
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await asyncio.wait([turn], timeout=_PATIENCE_PRESSED if self.pressed else _PATIENCE)
        except asyncio.CancelledError:
            if turn.done():
                self._let_in(-1)
            else:
                self._queue.remove(turn)
            raise
        if not turn.done():
            self._queue.remove(turn)
        return turn.done()

    def leave(self, seconds: float) -> None:
        """What was let in took so long."""
        self.limit.observe(seconds, self.at_once)
        self._let_in(-1)

    def _let_in(self, change: int) -> None:
        self.at_once += change
        while self._queue and self.at_once < self.limit.current:
            self.at_once += 1
            self._queue.popleft().set_result(True)
        if not self._queue:
            self._emptied = self.clock()
