import pytest

from ragkeeper.ingestion.sources.connectors.fetch import Fetcher
from ragkeeper.ingestion.sources.connectors.single import SinglePages
from ragkeeper.ingestion.sources.errors import AddressRefused


async def literally(host: str, _port: int) -> list[str]:
    return [host]


@pytest.mark.parametrize(
    "url", ["", "about", "ftp://example.org/", "javascript:alert(1)", "http://127.0.0.1/", "http://[::1]:8000/"]
)
async def test_what_is_no_public_page_is_refused_before_anything_is_sent(url: str) -> None:
    pages = SinglePages(Fetcher(resolve=literally), 1000)
    with pytest.raises(AddressRefused):
        async with pages.fetch(url):
            pass
    await pages.close()
