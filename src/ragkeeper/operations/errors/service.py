"""Brings what the process counted into the database, and tells it."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from ragkeeper.core.clock import Clock
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.tally import Counted, ErrorTally
from ragkeeper.jobs.loop import Loop
from ragkeeper.operations.errors import repository
from ragkeeper.operations.errors.models import ByCode, Errors
from ragkeeper.storage.sql.database import Database

_log = structlog.get_logger()

_STORE_EVERY = 10.0
_KEPT = timedelta(days=31)
DAY = timedelta(hours=24)


class ErrorService:
    """What the database cannot take now stays counted and is stored later."""

    def __init__(self, database: Database, tally: ErrorTally, clock: Clock) -> None:
        self._database = database
        self._tally = tally
        self._clock = clock
        self._loop = Loop("errors", self._store_due, idle_seconds=_STORE_EVERY)

    def start(self) -> None:
        self._loop.start()

    async def stop(self) -> None:
        """The last ones are stored too."""
        await self._loop.stop()
        await self.store()

    async def store(self) -> None:
        taken = self._tally.take()
        if not taken:
            return
        try:
            async with self._database.write() as sql:
                await repository.add(sql, taken)
                await repository.forget_before(sql, self._clock() - _KEPT)
        except (RagkeeperError, SQLAlchemyError) as error:
            self._tally.add(taken)
            _log.warning("errors_not_stored", reason=str(error))

    async def since(self, moment: datetime) -> ByCode:
        """Complete from this moment on, to the hour at its beginning; the most frequent first."""
        await self.store()
        async with self._database.read() as sql:
            stored = await repository.since(sql, moment)
        waiting = self._tally.counted
        found: dict[str, Counted] = {}
        for one in (*stored, *waiting):
            found[one.code] = found[one.code].with_(one) if one.code in found else one
        ranked = sorted(found.values(), key=lambda one: (-one.count, one.code))
        return {one.code: Errors(one.count, one.first, one.last) for one in ranked}

    async def last_day(self) -> ByCode:
        return await self.since(self._clock() - DAY)

    async def _store_due(self) -> bool:
        await self.store()
        return False
