"""What is done beside the evaluation, so that nothing slow holds it up."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

_log = structlog.get_logger()


class Aside:
    """One piece of work at a time that nobody waits for."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._task: asyncio.Task[None] | None = None

    def start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Does nothing while the one before goes on."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._done(work), name=self._name)

    async def ended(self) -> None:
        """Wait for what is under way."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _done(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - nobody waits for it, and the next one may do better
            _log.error("alerts_work_failed", work=self._name, exc_info=error)
