"""Work that was spared is known to whoever watches the request, also from the tasks it began."""

import asyncio

from ragkeeper.core.spared import spare, work


async def test_a_task_of_the_request_says_it_and_no_other_request_hears_it() -> None:
    async def task() -> None:
        spare()

    with work() as first:
        with work() as second:
            await asyncio.create_task(task())
        assert (first.spared, second.spared) == (False, True)
    spare()
    assert not first.spared
