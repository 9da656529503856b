"""A stand-in embedding server in a thread of its own, for servers in processes of their own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.contract.embedding.standin import StandIn


@contextmanager
def standing_in(dimension: int = 64) -> Iterator[StandIn]:
    """`base_url` answers until the end of the block."""
    started, ending = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    found: list[StandIn] = []

    async def serve() -> None:
        async with StandIn(dimension) as server:
            found.append(server)
            started.set()
            await ending.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join(10)
        loop.close()
