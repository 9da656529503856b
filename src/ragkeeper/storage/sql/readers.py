"""Connections for queries that stay open: getting one from SQLAlchemy's pool takes as long as a short query."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import QueuePool
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


class Readers:
    """engine: one whose connections need nothing when they are given back, each statement being a transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._resting: list[AsyncConnection] = []
        self._waiting = 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """One of those at rest; without any, the pool's next. sqlalchemy.exc.TimeoutError when none gets free."""
        resting = self._resting
        connection = resting.pop() if resting else await self._pooled()
        sound = False
        try:
            yield connection
            sound = not connection.invalidated
        finally:
            await self._give_back(connection, resting, sound=sound)

    async def _give_back(self, connection: AsyncConnection, resting: list[AsyncConnection], *, sound: bool) -> None:
        if resting is not self._resting:
            await connection.invalidate()  # its pool is gone and will not close it
        # Who waits for the pool does not see those at rest; and what a block that raised has left is the pool's.
        elif sound and not self._waiting:
            resting.append(connection)
            return
        await connection.close()
        if self._waiting:
            await asyncio.sleep(0)  # or whoever gives back and asks again at once would be first, every time

    def count(self) -> tuple[int, int]:
        """How many are in use, and the most there can be."""
        taken, most = pool_count(self._engine)
        return taken - len(self._resting), most

    async def close(self) -> None:
        """None that is in use comes to rest any more."""
        resting, self._resting = self._resting, []
        for connection in resting:
            await connection.close()
        await self._engine.dispose()
        # Who came while that went on had one of the pool that is gone.
        late, self._resting = self._resting, []
        for connection in late:
            await self._give_back(connection, late, sound=True)

    async def _pooled(self) -> AsyncConnection:
        self._waiting += 1
        try:
            return await self._engine.connect()
        finally:
            self._waiting -= 1


def pool_count(engine: AsyncEngine) -> tuple[int, int]:
    """How many connections of its pool are taken, and the most there can be."""
    pool = engine.sync_engine.pool
    return (pool.checkedout(), pool.size()) if isinstance(pool, QueuePool) else (0, 0)
