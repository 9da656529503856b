"""Figures that have to be looked up: each at most every few seconds, none longer than a scrape may wait."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from ragkeeper.core.figures.holdings import LOOK_AGE, LOOK_FAILURES
from ragkeeper.core.metrics import Metrics

_log = structlog.get_logger()

_LIMIT = 2.0
_EVERY = 10.0
# A look that takes long is taken less often: of the time, all of its like take a twentieth at most.
_REST = 20.0
# What failed has mostly waited: it is tried again before its figures are too old.
_LONGEST_REST_OF_FAILED = 60.0

LookUp = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _Look:
    """well: when it last went well, or was added. late: it is under way, and nobody waits for it any more."""

    name: str
    look: LookUp
    seconds: float
    well: float
    due: float = 0.0
    task: asyncio.Task[None] | None = None
    late: bool = False
    failing: bool = False


class Looks:
    """`refresh` before figures are read. limit: seconds that it waits; what takes longer is there the next time.

    A look that takes longer counts as failed: one that hangs would else be missed by nobody.
    """

    def __init__(
        self, metrics: Metrics, limit: float = _LIMIT, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._metrics = metrics
        self._limit = limit
        self._monotonic = monotonic
        self._looks: list[_Look] = []
        self._watching: asyncio.Task[None] | None = None
        metrics.before_scrape(self._tell_ages)

    def add(self, name: str, look: LookUp, seconds: float = 0.0) -> None:
        """seconds: for which figures are good enough; whatever `look` raises is counted, and the figures stay."""
        self._looks.append(_Look(name, look, seconds, self._monotonic()))
        self._metrics.count(LOOK_FAILURES, 0, collector=name)

    def start(self) -> None:
        """Look now and then also where nobody scrapes: history and alerts read the same figures."""
        self._watching = asyncio.create_task(self._watch(), name="figures")

    async def _watch(self) -> None:
        while True:
            await self.refresh()
            await asyncio.sleep(_EVERY)

    async def refresh(self) -> None:
        now = self._monotonic()
        for one in self._looks:
            # One that hangs is not begun anew, which would pile up more of the same.
            if one.task is None and one.due <= now:
                one.late = False
                one.task = asyncio.create_task(self._take(one), name=f"figures {one.name}")
        # It is waited for once: whoever asks next need not.
        awaited = {one.task: one for one in self._looks if one.task is not None and not one.late}
        if awaited:
            _, pending = await asyncio.wait(awaited, timeout=self._limit)
            for task in pending:
                self._give_up(awaited[task])

    def _give_up(self, one: _Look) -> None:
        if not one.late:
            one.late = True
            self._failed(one, f"it takes longer than {self._limit:g} s")

    async def _take(self, one: _Look) -> None:
        began, rest = self._monotonic(), math.inf
        try:
            await one.look()
        except Exception as error:  # noqa: BLE001 - one source of figures: whatever is wrong with it, the others go on
            rest = _LONGEST_REST_OF_FAILED
            if not one.late:
                self._failed(one, f"{type(error).__name__}: {error}")
        else:
            one.failing, one.well = False, self._monotonic()
        finally:
            one.task = None
            ended = self._monotonic()
            one.due = ended + max(one.seconds, min(_REST * (ended - began), rest))

    def _failed(self, one: _Look, reason: str) -> None:
        self._metrics.count(LOOK_FAILURES, collector=one.name)
        if not one.failing:
            _log.warning("figures_unknown", collector=one.name, reason=reason)
        one.failing = True

    def _tell_ages(self) -> None:
        now = self._monotonic()
        for one in self._looks:
            self._metrics.set(LOOK_AGE, now - one.well, collector=one.name)

    async def stop(self) -> None:
        tasks = [one.task for one in self._looks if one.task is not None]
        tasks += [self._watching] if self._watching else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
