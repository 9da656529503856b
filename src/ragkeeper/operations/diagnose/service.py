"""What a running server itself can say of its slowness and of its memory."""

import asyncio
import gc
import linecache
import tracemalloc
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from ragkeeper.core.clock import Clock
from ragkeeper.operations.diagnose.errors import NotTracing
from ragkeeper.operations.diagnose.models import Allocation, Remembered, SlowStatement, Stage
from ragkeeper.operations.history.models import Figures, Period, Resolution
from ragkeeper.operations.history.rules import merged, percentile

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_STAGES = "stages:"
_P95 = 0.95
_MOST_LINES = 10
# The command waits that long for an answer, such as the comparison at the end.
_GRACE = 600.0
_OWN = (tracemalloc.__file__, linecache.__file__, __file__)


class Past(Protocol):
    async def periods(self, resolution: Resolution, since: datetime, until: datetime) -> list[Period]: ...


Slowest = Callable[[], Sequence[SlowStatement]]


class DiagnosisService:
    """recent: figures that the history does not hold yet; slowest: statements, the slowest first."""

    def __init__(
        self, slowest: Slowest, limit: float, history: Past, recent: Callable[[], Figures], clock: Clock
    ) -> None:
        self._slowest = slowest
        self._limit = limit
        self._history = history
        self._recent = recent
        self._clock = clock
        self._mark: tracemalloc.Snapshot | None = None
        self._limit_of_trace: asyncio.TimerHandle | None = None

    async def remembered(self) -> Remembered:
        now = self._clock()
        last = await self._history.periods(Resolution.MINUTE, now - _HOUR, now)
        before = await self._history.periods(Resolution.HOUR, now - _HOUR - _DAY, now - _HOUR)
        return Remembered(
            self._limit,
            self._slowest(),
            stages(merged([self._recent(), *(one.figures for one in last)]), merged([one.figures for one in before])),
        )

    def collector(self) -> dict[str, int]:
        """What the garbage collector did so far, and what it watches now."""
        stats = gc.get_stats()
        return {
            "collections": sum(one["collections"] for one in stats),
            "collected": sum(one["collected"] for one in stats),
            "uncollectable": sum(one["uncollectable"] for one in stats),
            "watched": sum(gc.get_count()),
            "frozen": gc.get_freeze_count(),
        }

    async def trace(self, seconds: float) -> None:
        """Follow every allocation from here on; the server is slower until `end_trace`.

        It comes by itself some minutes after that many seconds: whoever asked may be gone.
        """
        if not tracemalloc.is_tracing():
            tracemalloc.start()
        try:
            self._mark = await asyncio.to_thread(_snapshot)
        finally:
            self._cancel_limit()
            self._limit_of_trace = asyncio.get_running_loop().call_later(seconds + _GRACE, self.end_trace)

    async def grown(self) -> list[Allocation]:
        """The lines whose memory grew most since `trace`. Raises NotTracing."""
        if self._mark is None or not tracemalloc.is_tracing():
            raise NotTracing
        return await asyncio.to_thread(_grown, self._mark)

    def end_trace(self) -> None:
        self._cancel_limit()
        self._mark = None
        tracemalloc.stop()

    def _cancel_limit(self) -> None:
        if self._limit_of_trace is not None:
            self._limit_of_trace.cancel()
            self._limit_of_trace = None


def stages(last: Figures, before: Figures) -> list[Stage]:
    found = []
    for name, spread in sorted(last.spreads.items()):
        p95 = percentile(spread, _P95)
        if name.startswith(_STAGES) and p95 is not None:
            known = before.spreads.get(name)
            earlier = percentile(known, _P95) if known else None
            mean = spread.total / spread.count
            found.append(Stage(name.removeprefix(_STAGES), round(spread.count), mean, p95, earlier))
    return found


def _snapshot() -> tracemalloc.Snapshot:
    gc.collect()
    own = [tracemalloc.Filter(inclusive=False, filename_pattern=file) for file in _OWN]
    return tracemalloc.take_snapshot().filter_traces(own)


def _grown(mark: tracemalloc.Snapshot) -> list[Allocation]:
    found = _snapshot().compare_to(mark, "lineno")
    grew = [one for one in found if one.size_diff > 0][:_MOST_LINES]
    return [Allocation(f"{one.traceback[0].filename}:{one.traceback[0].lineno}", one.size_diff, one.count_diff)
            for one in grew]  # fmt: skip
