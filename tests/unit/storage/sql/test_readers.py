import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as NoneFree
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ragkeeper.storage.sql.readers import Readers, pool_count


def made(folder: Path, timeout: float) -> AsyncEngine:
    return create_async_engine(
        f"sqlite+aiosqlite:///{folder / 'x.db'}",
        pool_size=2,
        max_overflow=0,
        pool_timeout=timeout,
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
        skip_autocommit_rollback=True,
    )


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    found = made(tmp_path, timeout=30)
    yield found
    await found.dispose()


@pytest.fixture
async def readers(engine: AsyncEngine) -> AsyncIterator[Readers]:
    found = Readers(engine)
    yield found
    await found.close()


async def asked(readers: Readers) -> AsyncConnection:
    async with readers.connection() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
        return connection


async def test_one_at_rest_is_used_again(readers: Readers, engine: AsyncEngine) -> None:
    first = await asked(readers)
    assert readers.count() == (0, 2)
    assert pool_count(engine) == (1, 2)
    assert await asked(readers) is first
    async with readers.connection() as taken, readers.connection() as other:
        assert taken is first
        assert other is not first
        assert readers.count() == (2, 2)
    assert {await asked(readers), await asked(readers)} <= {first, other}
    assert readers.count() == (0, 2)


async def test_who_waits_for_the_pool_gets_the_next_that_is_given_back(readers: Readers) -> None:
    async with AsyncExitStack() as stack:
        taken = [await stack.enter_async_context(readers.connection()) for _ in range(2)]
        waiting = [asyncio.create_task(asked(readers)) for _ in range(5)]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in waiting)
        del taken
    await asyncio.gather(*waiting)
    assert readers.count() == (0, 2)


async def test_who_gives_back_and_asks_again_at_once_is_not_always_first(readers: Readers) -> None:
    rounds = 0
    enough = asyncio.Event()

    async def again_and_again() -> None:
        nonlocal rounds
        while rounds < 1000 and not enough.is_set():
            rounds += 1
            async with readers.connection() as connection:
                await connection.execute(text("SELECT 1"))

    busy = [asyncio.create_task(again_and_again()) for _ in range(2)]
    await asyncio.sleep(0.05)
    await asked(readers)
    enough.set()
    await asyncio.gather(*busy)
    assert rounds < 1000


async def test_without_one_in_time_that_is_told(tmp_path: Path) -> None:
    readers = Readers(made(tmp_path, timeout=0.1))
    async with readers.connection(), readers.connection():
        with pytest.raises(NoneFree):
            await asked(readers)
    await asked(readers)
    await readers.close()


async def test_one_that_is_given_up_while_it_is_waited_for_is_not_lost(readers: Readers) -> None:
    async with readers.connection(), readers.connection():
        waiting = asyncio.create_task(asked(readers))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with readers.connection(), readers.connection():
        assert readers.count() == (2, 2)


@pytest.mark.parametrize("how", ["error", "cancelled", "invalidated"])
async def test_what_ended_badly_does_not_rest(readers: Readers, engine: AsyncEngine, how: str) -> None:
    first = await asked(readers)

    async def use() -> None:
        async with readers.connection() as connection:
            assert connection is first
            if how == "invalidated":
                await connection.invalidate()
                return
            await connection.execute(text("SELECT nonsense" if how == "error" else "SELECT 2"))
            await asyncio.sleep(60)

    task = asyncio.create_task(use())
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert pool_count(engine) == (0, 2)
    assert await asked(readers) is not first


async def test_who_comes_while_it_closes_leaves_nothing_behind(
    readers: Readers, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispose = AsyncEngine.dispose

    async def slowly(engine: AsyncEngine) -> None:
        await asked(readers)
        await dispose(engine)

    monkeypatch.setattr(AsyncEngine, "dispose", slowly)
    await readers.close()
    assert readers.count() == (0, 2)
    assert pool_count(engine) == (0, 2)


async def test_after_closing_it_begins_anew(readers: Readers, engine: AsyncEngine) -> None:
    first = await asked(readers)
    async with readers.connection() as taken:
        assert taken is first
        await readers.close()
    assert await asked(readers) is not first
    assert pool_count(engine) == (1, 2)
