"""One page of the web, because somebody asked for it: no links, no robots.txt, nothing remembered."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

from ragkeeper.ingestion.ports import FetchedPage
from ragkeeper.ingestion.sources.connectors.fetch import Fetcher, Request
from ragkeeper.ingestion.sources.connectors.urls import canonical, document_name, filename
from ragkeeper.ingestion.sources.errors import AddressRefused, PageUnavailable

_FINE = {200, 203}


class SinglePages:
    """largest_bytes: of one page. The fetcher is closed with it."""

    def __init__(self, fetcher: Fetcher, largest_bytes: int) -> None:
        self._fetcher = fetcher
        self._largest = largest_bytes

    @asynccontextmanager
    async def fetch(self, url: str) -> AsyncGenerator[FetchedPage]:
        """Raises AddressRefused, ItemUnavailable when nobody answers, PageUnavailable for an answer without a page.

        While its content is read ItemTooLarge and ItemUnavailable are raised.
        """
        address = canonical(url)
        if address is None:
            raise AddressRefused(address=url, reason="it is no web address")
        async with self._fetcher.open(Request(address)) as answer:
            if answer.status not in _FINE:
                raise PageUnavailable(url=url, reason=f"the server answers {answer.status}")
            async with aclosing(answer.chunks(self._largest)) as content:
                yield FetchedPage(document_name(address), filename(answer.url, answer.content_type), content)

    async def close(self) -> None:
        await self._fetcher.close()
