"""Lets in so many at once, keeps a queue outside, and turns the others away in time.

Whoever comes may wait a moment: people come in bursts. Once somebody had to be turned away it is an overload, and
waiting only makes every answer late: then nobody waits longer than a few milliseconds, until all who come find room
again; and when more keep coming it was no burst, and those who wait since before are turned away too. The idea is
CoDel's; Facebook described it for requests ("Fail at Scale", ACM Queue 2015).
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ragkeeper.http.limit import AdaptiveLimit

# After somebody was turned away, one expects more of the same for so long, in seconds.
_PRESSED_SECONDS = 1.0
_PATIENCE_PRESSED = 0.003
# Who comes so long after the first who was turned away, and finds no room either, is not of the same burst.
_BURST_SECONDS = 0.1
# Waiting outside costs memory alone, so the queue's time is what counts; under pressure one who waits for each that is
# worked on is enough to go on without a pause.
_QUEUE = 64


@dataclass(slots=True)
class Gate:
    """For the tasks of one event loop: `enter`, and if it lets in, `leave`. patience: seconds one waits in a burst."""

    limit: AdaptiveLimit
    patience: float = 0.5
    clock: Callable[[], float] = time.monotonic
    at_once: int = 0
    _queue: deque[asyncio.Future[bool]] = field(default_factory=deque)
    _pressed_since: float = float("-inf")
    _pressed_until: float = float("-inf")

    @property
    def pressed(self) -> bool:
        """Somebody was turned away a moment ago."""
        return self.clock() < self._pressed_until

    async def enter(self, *, may_wait: bool = True) -> bool:
        """Whether one more is worked on now; False: there is no room, and none came free in time."""
        if self.at_once < self.limit.current and not self._queue:
            self.at_once += 1
            return True
        if not may_wait:
            return False  # which tells nothing about whether there would have been room in time
        longest = self.limit.current if self.pressed else _QUEUE
        entered = len(self._queue) < longest and await self._wait()
        if not entered:
            self._press()
        return entered

    async def _wait(self) -> bool:
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await asyncio.wait([turn], timeout=_PATIENCE_PRESSED if self.pressed else self.patience)
        except asyncio.CancelledError:
            if not turn.done():
                self._queue.remove(turn)
            elif turn.result():
                self._let_in(-1)
            raise
        if turn.done():
            return turn.result()
        self._queue.remove(turn)
        return False

    def _press(self) -> None:
        now = self.clock()
        if not self.pressed:
            self._pressed_since = now
        elif now >= self._pressed_since + _BURST_SECONDS:
            # Whoever waits came before, or will not wait for more than milliseconds.
            while len(self._queue) > self.limit.current:
                self._queue.popleft().set_result(False)
        self._pressed_until = now + _PRESSED_SECONDS

    def leave(self, seconds: float | None) -> None:
        """What was let in took so long; None: how long says nothing about others."""
        if seconds is not None:
            self.limit.observe(seconds, self.at_once)
        self._let_in(-1)

    def _let_in(self, change: int) -> None:
        self.at_once += change
        while self._queue and self.at_once < self.limit.current:
            self.at_once += 1
            self._queue.popleft().set_result(True)
