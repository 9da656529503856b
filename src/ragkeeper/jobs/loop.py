"""Background work inside the process: a loop that runs a step until nothing is left, then sleeps until woken."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from ragkeeper.core.clock import utc_now
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.lines import REASON_LENGTH, one_line

_log = structlog.get_logger()

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 60.0
_LEAST_TOLD = 5.0


@dataclass(frozen=True, slots=True)
class Failing:
    """Why a loop cannot go on, in a sentence for everybody, and when it tries again."""

    reason: str
    until: datetime


class Loop:
    """Repeats `step` while it returns True; then waits for `wake()` or `idle_seconds`, whichever comes first.

    An exception of the step is logged and followed by a pause that doubles up to a minute: the work stays where it
    was, in SQL, and is tried again. An error that says when to ask again ends the pause then.

    `gather_seconds` is the least time from one step to the next: while much comes in, work gathers and a step does
    more of it at once; after a rest the first step begins without waiting.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[bool]],
        idle_seconds: float = 30.0,
        gather_seconds: float = 0.0,
    ) -> None:
        self.name = name
        self.last_error: str | None = None
        self.failing: Failing | None = None
        self._step = step
        self._idle_seconds = idle_seconds
        self._gather_seconds = gather_seconds
        self._stepped = -gather_seconds
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._busy = False

    @property
    def busy(self) -> bool:
        """True while a step runs or a wake-up is pending."""
        return self._busy or self._woken.is_set()

    def start(self) -> None:
        self._woken.set()
        self._task = asyncio.create_task(self._run(), name=self.name)

    def wake(self) -> None:
        self._woken.set()

    async def stop(self) -> None:
        """Cancel the step that is running and wait until it has let go."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            await self._wait()
            self._busy = True
            try:
                while await self._gathered_step():
                    pause = _FIRST_PAUSE
                self.last_error = None
                self.failing = None
            except Exception as error:  # noqa: BLE001 - the job loop: whatever a step raises must not end the loop
                self.last_error = one_line(error, REASON_LENGTH)
                wait = _shortened(pause, error)
                self.failing = Failing(_reason(error), utc_now() + timedelta(seconds=wait))
                # A log on the same full disk must not end the loop that waits for the disk to have room again.
                with suppress(OSError, ValueError):
                    _log.error("loop_failed", loop=self.name, exc_info=error)
                await asyncio.sleep(wait)
                pause = min(pause * 2, _LONGEST_PAUSE)
                self._woken.set()
            finally:
                self._busy = False

    async def _gathered_step(self) -> bool:
        rest = self._stepped + self._gather_seconds - time.monotonic()
        if rest > 0:
            await asyncio.sleep(rest)
        self._stepped = time.monotonic()
        return await self._step()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._idle_seconds):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()


def _shortened(pause: float, error: Exception) -> float:
    """Some errors name a time that is no better than now: the pause goes on growing up to a few seconds."""
    told = error.retry_after if isinstance(error, RagkeeperError) else None
    return pause if told is None else min(pause, max(told, _LEAST_TOLD))


def _reason(error: Exception) -> str:
    """What an unexpected error says may be an SQL statement: that stays in the log."""
    return error.message if isinstance(error, RagkeeperError) else f"{type(error).__name__} inside the server."
