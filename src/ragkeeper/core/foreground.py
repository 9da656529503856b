"""What somebody waits for goes before what the process does by itself.

Background work takes its turns here. While nobody waits they cost nothing; while somebody does, there is one turn at a
time, it begins between two questions where that is possible, and a rest that is a multiple of it follows.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

# After a question others are expected for so long, in seconds.
_EXPECTED = 0.25
# A turn waits so long at most for the questions under way: somebody always asks, and files are to be read all the same.
_PATIENCE = 0.01
# After a turn nothing is done in the background for so many times as long as it took: bench/busy_search.py.
_REST = 1
_LONGEST_REST = 1.0
_POLL = 0.002


class Foreground:
    """`waiting` belongs to the event loop's thread; `turn` is for its tasks, `thread_turn` for all other threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting = 0
        self._until = clock()
        self._turns = asyncio.Lock()
        self._thread_turns = threading.Lock()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Somebody waits for what is done in the block."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            self._until = self._clock() + _EXPECTED

    @property
    def busy(self) -> bool:
        """Somebody waits, or did a moment ago."""
        return self._waiting > 0 or self._clock() < self._until

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """The block is background work, short if `busy`."""
        if not self.busy:
            yield
            return
        async with self._turns:
            await self._pass(self._clock() + _PATIENCE, lambda: self._waiting > 0)
            began = self._clock()
            yield
            await self._pass(self._clock() + _rest(self._clock() - began), lambda: self.busy)

    @contextmanager
    def thread_turn(self) -> Iterator[None]:
        """The same for a thread."""
        if not self.busy:
            yield
            return
        with self._thread_turns:
            self._pass_in_thread(self._clock() + _PATIENCE, lambda: self._waiting > 0)
            began = self._clock()
            yield
            self._pass_in_thread(self._clock() + _rest(self._clock() - began), lambda: self.busy)

    async def _pass(self, until: float, held: Callable[[], bool]) -> None:
        while held() and self._clock() < until:  # noqa: ASYNC110 - it ends by the clock as well
            await asyncio.sleep(_POLL)

    def _pass_in_thread(self, until: float, held: Callable[[], bool]) -> None:
        while held() and self._clock() < until:
            time.sleep(_POLL)


def _rest(seconds: float) -> float:
    return min(_REST * seconds, _LONGEST_REST)
