"""Group commit: what is asked for while one transaction is under way goes into the next one together."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """`work` does up to `most` items at once, all or none, and returns their results in order.

    A lone item is done at once. Under load one transaction, and one fsync, serves many callers.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]], most: int = 64) -> None:
        self._work = work
        self._most = most
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Result:
        """The item's result, once its group is committed.

        Cancelling the wait drops an item that is still waiting, and does not undo one that is under way.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="group-commit")
        return await future

    async def close(self) -> None:
        """Return when everything that was submitted is done."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
                await self._do([entry for entry in group if not entry[1].cancelled()])
        finally:
            self._task = None

    async def _do(self, group: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        """Together; when that fails, each alone, so that an item which cannot be done costs the others nothing."""
        try:
            results = await self._work([item for item, _ in group]) if group else []
        except Exception as error:  # noqa: BLE001 - passed on to those who wait, and raised there
            if len(group) > 1:
                for entry in group:
                    await self._do([entry])
            else:
                _fail([future for _, future in group], error)
        except BaseException as error:
            _fail([future for _, future in group], error)
            raise
        else:
            _fulfil([future for _, future in group], results)


def _fail(futures: Sequence[asyncio.Future[Result]], error: BaseException) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)


def _fulfil(futures: Sequence[asyncio.Future[Result]], results: Sequence[Result]) -> None:
    for future, result in zip(futures, results, strict=True):
        if not future.done():
            future.set_result(result)
