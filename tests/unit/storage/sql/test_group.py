import asyncio
from collections.abc import Sequence

import pytest

from ragkeeper.storage.sql.group import GroupCommit


async def test_what_comes_while_a_group_is_under_way_goes_together() -> None:
    groups: list[list[int]] = []
    free = asyncio.Event()

    async def work(items: Sequence[int]) -> list[int]:
        groups.append(list(items))
        await free.wait()
        return [item * 10 for item in items]

    commit: GroupCommit[int, int] = GroupCommit(work, most=3)
    waiting = [asyncio.create_task(commit.submit(number)) for number in range(6)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    late = asyncio.create_task(commit.submit(6))
    await asyncio.sleep(0)
    free.set()
    assert await asyncio.gather(*waiting, late) == [0, 10, 20, 30, 40, 50, 60]
    assert groups == [[0, 1, 2], [3, 4, 5], [6]]
    assert await commit.submit(7) == 70


@pytest.mark.parametrize("most", [1, 3])
async def test_an_item_that_fails_fails_alone(most: int) -> None:
    async def work(items: Sequence[int]) -> list[int]:
        if 1 in items:
            raise ValueError("no one")
        return list(items)

    commit: GroupCommit[int, int] = GroupCommit(work, most=most)
    results = await asyncio.gather(*(commit.submit(number) for number in range(3)), return_exceptions=True)
    assert (results[0], results[2]) == (0, 2)
    assert isinstance(results[1], ValueError)


async def test_one_who_no_longer_waits_stops_nobody() -> None:
    free = asyncio.Event()

    async def work(items: Sequence[int]) -> list[int]:
        await free.wait()
        return list(items)

    commit: GroupCommit[int, int] = GroupCommit(work)
    gone, stays = (asyncio.create_task(commit.submit(number)) for number in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    free.set()
    assert await stays == 1
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_closing_waits_for_what_was_submitted() -> None:
    done: list[int] = []

    async def work(items: Sequence[int]) -> list[int]:
        await asyncio.sleep(0.01)
        done.extend(items)
        return list(items)

    commit: GroupCommit[int, int] = GroupCommit(work, most=1)
    waiting = [asyncio.create_task(commit.submit(number)) for number in range(3)]
    await asyncio.sleep(0)
    await commit.close()
    assert done == [0, 1, 2]
    await asyncio.gather(*waiting)
