"""One of the processes that read files, and how it tells that another is gone.

A worker counts up a number in its row. Another one that sees the number stand still, by its own clock, takes over what
the silent worker held: no clock is compared with another machine's, and setting a clock takes nothing from anybody. A
worker that was only frozen finds out when it goes on: what it held has a new reading, and its own result is dropped.
"""

import time
from collections.abc import Callable

import structlog

from ragkeeper.core.clock import Clock, utc_now
from ragkeeper.core.ids import new_id
from ragkeeper.ingestion import worker_repository as repository
from ragkeeper.storage.sql.database import Database

_log = structlog.get_logger()

BEAT_SECONDS = 5.0
SILENT_SECONDS = 12.0
"""Two beats have not come: what it holds is stalled."""
LOST_SECONDS = 20.0
"""It is taken for dead: what it held is read by others within half a minute of its last beat."""


class Worker:
    """alone: no other process can be at work on this database, as the lock of a data folder makes sure."""

    def __init__(
        self,
        database: Database,
        *,
        alone: bool,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Clock = utc_now,
    ) -> None:
        self.id = new_id()
        self.alone = alone
        self._database = database
        self._monotonic = monotonic
        self._clock = clock
        self._seen: dict[str, tuple[int, float]] = {}

    async def start(self) -> int:
        """Be known from now on. Returns how many versions were taken over from processes that are gone."""
        async with self._database.write() as sql:
            await repository.register(sql, self.id, self._clock())
            if self.alone:
                await repository.remove_others(sql, self.id)
            return await repository.take_over(sql)

    async def stop(self) -> None:
        async with self._database.write() as sql:
            await repository.remove(sql, [self.id])

    async def beat(self) -> int:
        """Say that we live, and look after the others. Returns how many versions were taken over."""
        async with self._database.write() as sql:
            if not await repository.beat(sql, self.id):
                _log.warning("worker_was_taken_for_dead", worker=self.id)
                await repository.register(sql, self.id, self._clock())
            self._note(await repository.beats(sql))
            lost = self._silent_for(LOST_SECONDS)
            await repository.remove(sql, lost)
            # Should one of them come back, it begins to count anew.
            self._seen = {worker: seen for worker, seen in self._seen.items() if worker not in lost}
            taken = await repository.take_over(sql)
        if lost:
            _log.warning("worker_lost", workers=sorted(lost), versions=taken)
        return taken

    def silent(self) -> frozenset[str]:
        """Workers that have not been heard of for a while."""
        return self._silent_for(SILENT_SECONDS)

    def _note(self, beats: dict[str, int]) -> None:
        now = self._monotonic()
        before = self._seen
        self._seen = {
            worker: before[worker] if worker in before and before[worker][0] == beat else (beat, now)
            for worker, beat in beats.items()
            if worker != self.id
        }

    def _silent_for(self, seconds: float) -> frozenset[str]:
        now = self._monotonic()
        return frozenset(worker for worker, (_, since) in self._seen.items() if now - since >= seconds)
