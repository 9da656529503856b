"""A server for the rows that only look at one; rows that break things start their own."""

from collections.abc import Iterator

import pytest

from tests.acceptance.server import Server, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("guides")) as running:
        yield running
