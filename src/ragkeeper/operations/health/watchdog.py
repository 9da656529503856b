"""Notices an event loop that stands still, from a thread of its own, and says what it stands in."""

import asyncio
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

_log = structlog.get_logger()

_BEAT = 0.5
_LIMIT = 5.0
# So many late beats one after another: the loop does not stand still, and yet nothing gets done in time.
_STUCK_BEATS = 3
# How long a block is told of after it ended.
_REMEMBERED = 300.0
_FRAMES = 12


@dataclass(frozen=True, slots=True)
class LoopState:
    """lag: seconds by which the newest beat was late; longest: of the last minutes; stuck: every beat comes late."""

    lag: float
    longest: float
    stuck: bool


class Watchdog:
    """`start` on the loop that is to be watched. limit: seconds that it may stand still without a word.

    While the loop stands still nothing on it can answer, and that is what a prober of liveness sees. This says why: the
    stack of the loop's thread goes to the log while it stands.
    """

    def __init__(
        self, limit: float = _LIMIT, beat: float = _BEAT, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._beat = beat
        self._monotonic = monotonic
        self._last = monotonic()
        self._told = False
        self._late: deque[tuple[float, float]] = deque(maxlen=100)
        self._beats: deque[float] = deque([0.0], maxlen=_STUCK_BEATS)
        self._thread_id = 0
        self._ended = threading.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> LoopState:
        now = self._monotonic()
        longest = max((late for at, late in tuple(self._late) if now - at <= _REMEMBERED), default=0.0)
        beats = tuple(self._beats)
        stuck = len(beats) == _STUCK_BEATS and min(beats) >= self._limit
        return LoopState(round(beats[-1], 3), round(longest, 3), stuck)

    @property
    def blocked(self) -> float | None:
        """How long the longest block of the last minutes was, in seconds; None where there was none."""
        longest = self.state.longest
        return longest if longest >= self._limit else None

    def start(self) -> None:
        self._thread_id = threading.get_ident()
        self._last = self._monotonic()
        self._task = asyncio.create_task(self._beating(), name="watchdog")
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    async def stop(self) -> None:
        self._ended.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _beating(self) -> None:
        while True:
            await asyncio.sleep(self._beat)
            self._note()

    def _note(self) -> None:
        """The loop moves: how late it is, and whether that ended a block."""
        now = self._monotonic()
        late = max(now - self._last - self._beat, 0.0)
        self._last = now
        self._beats.append(late)
        if late >= self._limit:
            self._late.append((now, late))
            _log.warning("event_loop_moves_again", seconds=round(late, 1))
        self._told = False

    def _watch(self) -> None:
        while not self._ended.wait(min(self._limit / 4, 1.0)):
            stands = self._monotonic() - self._last - self._beat
            if stands >= self._limit and not self._told:
                self._told = True
                _log.error("event_loop_blocked", seconds=round(stands, 1), stack=self._stack())

    def _stack(self) -> str:
        """Where the loop's thread is: the innermost frames, innermost first."""
        frame = sys._current_frames().get(self._thread_id)  # noqa: SLF001 - the documented way to see another thread
        frames = traceback.extract_stack(frame)[-_FRAMES:] if frame else []
        return " < ".join(f"{one.name} ({one.filename.rpartition('/')[2]}:{one.lineno})" for one in reversed(frames))
