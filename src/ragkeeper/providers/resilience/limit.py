"""The provider's own limits: so many calls a minute, and not before the time that it named when it was too much."""

import asyncio
from collections.abc import Awaitable, Callable

from ragkeeper.providers.resilience.models import Slot
from ragkeeper.providers.resilience.ports import CallLog, Clock

# Longest pause that is taken from a provider's `retry-after`.
_LONGEST_PAUSE = 86_400.0
Sleep = Callable[[float], Awaitable[None]]


class LimitReached(Exception):
    """No call may be made for `wait` seconds, which is longer than anybody should queue, or too many queue already."""

    def __init__(self, wait: float) -> None:
        super().__init__(wait)
        self.wait = wait


class CallLimit:
    """per_minute: None where the provider sets no limit; its `retry-after` is kept all the same.

    A call waits at most `queue_seconds` for its turn, and at most `queue_length` calls wait.
    """

    def __init__(
        self,
        provider: str,
        per_minute: int | None,
        calls: CallLog,
        clock: Clock,
        *,
        queue_seconds: float = 5.0,
        queue_length: int = 16,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.provider = provider
        self.per_minute = per_minute
        self._calls = calls
        self._clock = clock
        self._queue_seconds = queue_seconds
        self._queue_length = queue_length
        self._sleep = sleep
        self._waiting = 0
        self._paused_until = 0.0

    async def take(self, queue: float | None = None) -> int | None:
        """Return when the call may be made; its slot is what `give_back` wants. Raises LimitReached.

        queue: seconds to wait at most, where that is less than `queue_seconds`.
        """
        end = self._clock() + (self._queue_seconds if queue is None else min(queue, self._queue_seconds))
        while True:
            await self._wait_until(self._paused_until, end)
            slot = await self._reserve(end - self._clock())
            try:
                await self._wait_until(self._clock() + slot.wait, end)
            except BaseException:
                await self.give_back(slot.id)
                raise
            if self._clock() >= self._paused_until:
                return slot.id
            await self.give_back(slot.id)

    async def give_back(self, slot: int | None) -> None:
        """The call was not made."""
        if slot is not None:
            await self._calls.give_back(self.provider, slot)

    def pause(self, seconds: float) -> None:
        """The provider asks for no call for so long."""
        self._paused_until = max(self._paused_until, self._clock() + min(seconds, _LONGEST_PAUSE))

    def resume(self) -> None:
        self._paused_until = 0.0

    @property
    def paused_for(self) -> float:
        """Seconds until the provider wants calls again."""
        return max(0.0, self._paused_until - self._clock())

    @property
    def remaining(self) -> int | None:
        """Calls left in the present minute; None without a limit."""
        return None if self.per_minute is None else self._calls.remaining(self.provider, self.per_minute)

    async def _reserve(self, within: float) -> Slot:
        if self.per_minute is None:
            return Slot(0.0)
        slot = await self._calls.reserve(self.provider, self.per_minute, max(within, 0.0))
        if slot.id is None:
            raise LimitReached(slot.wait)
        return slot

    async def _wait_until(self, begin: float, end: float) -> None:
        wait = begin - self._clock()
        if wait <= 0:
            return
        if begin > end or self._waiting >= self._queue_length:
            raise LimitReached(wait)
        self._waiting += 1
        try:
            await self._sleep(wait)
        finally:
            self._waiting -= 1
