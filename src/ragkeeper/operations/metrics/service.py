"""How the search index is, looked up for each scrape: nothing happens at the moment when it changes."""

import math
from collections.abc import Awaitable, Callable
from datetime import datetime

from ragkeeper.core.clock import Clock
from ragkeeper.core.figures.holdings import (
    FIRST_START,
    INDEX_CHECKED,
    INDEX_LAG,
    INDEX_MISSING,
    INDEX_ORPHANS,
    INDEX_WAITING,
)
from ragkeeper.core.metrics import Metrics

Backlog = Callable[[], Awaitable[tuple[int, datetime | None]]]
"""How many changes wait for the index, and since when the oldest does."""
LastCheck = Callable[[], Awaitable[tuple[datetime, int, int] | None]]
"""When the index was last compared with the database, how much was too many, and how much lacked."""
FirstStart = Callable[[], Awaitable[datetime | None]]
"""When a server first started on this database."""


class IndexFigures:
    def __init__(
        self, metrics: Metrics, backlog: Backlog, last_check: LastCheck, first_start: FirstStart, clock: Clock
    ) -> None:
        self._metrics = metrics
        self._backlog = backlog
        self._last_check = last_check
        self._first_start = first_start
        self._clock = clock

    async def look(self) -> None:
        waiting, since = await self._backlog()
        checked, begun = await self._last_check(), await self._first_start()
        self._metrics.set(INDEX_WAITING, waiting)
        self._metrics.set(INDEX_LAG, max((self._clock() - since).total_seconds(), 0.0) if since else 0.0)
        self._metrics.set(INDEX_ORPHANS, checked[1] if checked else math.nan)
        self._metrics.set(INDEX_MISSING, checked[2] if checked else math.nan)
        self._metrics.set(INDEX_CHECKED, checked[0].timestamp() if checked else math.nan)
        self._metrics.set(FIRST_START, begun.timestamp() if begun else math.nan)
