"""Waiting for what tells nobody when it comes true."""

import asyncio
from collections.abc import Awaitable, Callable

from ragkeeper.jobs.port import DurableJob, JobEngine


async def until(condition: Callable[[], object], seconds: float = 20.0, every: float = 0.005) -> None:
    """Ask again until the condition, which may be asynchronous, holds. Raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while not await _holds(condition):  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(every)


async def ended(engine: JobEngine, job_id: str) -> DurableJob:
    """The job, once its engine says that it has ended."""
    async with asyncio.timeout(20):
        while (job := await engine.find(job_id)) is None or not job.state.is_final:  # noqa: ASYNC110 - nor has it one
            await asyncio.sleep(0.005)
    return job


async def _holds(condition: Callable[[], object]) -> bool:
    found = condition()
    return bool(await found if isinstance(found, Awaitable) else found)
