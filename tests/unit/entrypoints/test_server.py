import httpx
import pytest

from ragkeeper.entrypoints.server import address


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::"])
def test_where_it_serves_is_an_address_that_can_be_asked(host: str) -> None:
    url = httpx.URL(address(host, 8000))
    assert (url.host, url.port) == (host, 8000)
