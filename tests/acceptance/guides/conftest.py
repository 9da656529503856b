"""A server for the rows that only look at one; rows that break things start their own."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from tests.acceptance.guides.texts import lighthouse
from tests.acceptance.server import Server, add_text, serving, wait_until_ready
from tests.contract.chat.standin import StandIn

LIGHTHOUSES = 24


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without a model that holds a collection of lighthouses."""
    with serving(tmp_path_factory.mktemp("guides")) as running:
        documents = [add_text(running, f"Lighthouse {number}", lighthouse(number)) for number in range(LIGHTHOUSES)]
        wait_until_ready(running, documents)
        yield running


@pytest.fixture
def model() -> Iterator[StandIn]:
    """A stand-in for a model server on loopback, in a thread of its own: the tests themselves are not asynchronous."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    standin = StandIn()
    asyncio.run_coroutine_threadsafe(standin.__aenter__(), loop).result(10)
    yield standin
    asyncio.run_coroutine_threadsafe(standin.__aexit__(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()
