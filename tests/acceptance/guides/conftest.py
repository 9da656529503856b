"""A server for the rows that only look at one; rows that break things start their own."""

from collections.abc import Iterator

import pytest

from tests.acceptance.background import in_background
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
    """A stand-in for a model server."""
    with in_background(StandIn()) as standin:
        yield standin
