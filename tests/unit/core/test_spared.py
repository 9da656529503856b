"""Work that was spared is known to whoever watches the request, also from the tasks it began."""

import asyncio

from ragkeeper.core.spared import spare, speak, work


async def test_a_task_of_the_request_says_it_and_no_other_request_hears_it() -> None:
    async def task() -> None:
        spare()

    with work() as first:
        with work() as second:
            await asyncio.create_task(task())
        assert (first.spared, second.spared) == (False, True)
    spare()
    assert not first.spared


async def test_the_last_model_that_begins_to_write_says_when_the_answer_began() -> None:
    now = 3.0
    with work(lambda: now) as request:
        speak()
        now = 5.0
        await asyncio.create_task(_speaking())
    speak()
    assert request.spoke_at == 5.0


async def _speaking() -> None:
    speak()
