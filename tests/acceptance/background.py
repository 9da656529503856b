"""Stand-ins on an event loop in a thread of their own: these tests and their servers are not asynchronous."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

_SECONDS = 10

T = TypeVar("T")


@contextmanager
def in_background(standin: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """It answers until the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def wait(work: Coroutine[Any, Any, T | bool | None]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(_SECONDS)

    try:
        entered: T = wait(standin.__aenter__())
        try:
            yield entered
        finally:
            wait(standin.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_SECONDS)
        loop.close()
