"""One page of the web: asked for once, politely, and only whole when it has changed."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import asdict, dataclass
from enum import StrEnum

from ragkeeper.ingestion.sources.connectors.bodies import Spool
from ragkeeper.ingestion.sources.connectors.errors import ItemUnavailable, ServerSilent
from ragkeeper.ingestion.sources.connectors.fetch import Answer, Fetcher, Request
from ragkeeper.ingestion.sources.connectors.port import Content, Found, Unreadable
from ragkeeper.ingestion.sources.connectors.robots import Manners
from ragkeeper.ingestion.sources.connectors.urls import document_name, filename
from ragkeeper.ingestion.sources.errors import SourceError

_FINE = {200, 203}
_GONE = {404, 410}
_NOT_MODIFIED = 304
_LONGEST = 1000
_SILENT = {429, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Mark:
    """What is remembered of a page, as its fingerprint.

    links: where it leads, None when they were too many to keep; scope: of which settings they are; lastmod: what a
    sitemap said.
    """

    sha256: str
    content_type: str = ""
    etag: str = ""
    modified: str = ""
    lastmod: str = ""
    scope: str = ""
    links: tuple[str, ...] | None = ()

    def text(self) -> str:
        kept = {name: value for name, value in asdict(self).items() if value not in ("", ())}
        return json.dumps(kept, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def parse(cls, text: str) -> "Mark | None":
        """None for what this version did not write: the page is then fetched as if it were new."""
        try:
            fields = json.loads(text)
            links = fields.pop("links", ())
            return cls(**fields, links=None if links is None else tuple(links))
        except (ValueError, TypeError, AttributeError):
            return None

    def validators(self) -> dict[str, str]:
        found = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        # Others cannot be sent back: what is no ASCII has no agreed encoding, what is long is refused.
        return {name: value for name, value in found.items() if value and value.isascii() and len(value) <= _LONGEST}


class State(StrEnum):
    FRESH = "fresh"  # read whole
    SAME = "same"  # the server says that nothing changed
    MOVED = "moved"
    GONE = "gone"
    FORBIDDEN = "forbidden"  # by robots.txt


@dataclass(frozen=True, slots=True)
class Page:
    """spool: of a fresh page; the reader closes it. location: of a moved one, not checked yet."""

    url: str
    state: State
    content_type: str = ""
    headers: Mapping[str, str] | None = None
    spool: Spool | None = None
    location: str = ""

    def close(self) -> None:
        if self.spool:
            self.spool.close()


class PageReader:
    def __init__(self, fetcher: Fetcher, manners: Manners, largest_bytes: int) -> None:
        self._fetcher = fetcher
        self._manners = manners
        self._largest = largest_bytes

    async def read(self, url: str, known: Mark | None) -> Page:
        """The page now. Redirects are shown, so that their targets are judged like any other page.

        Raises SourceError when it cannot be read: ServerSilent when nobody answers, ItemUnavailable otherwise.
        """
        if not await self._manners.may_fetch(url):
            return Page(url, State.FORBIDDEN)
        await self._manners.wait_for_turn(url)
        headers = known.validators() if known else {}
        async with self._fetcher.open(Request(url, headers=headers, follow=False)) as answer:
            return await self._judge(url, answer, is_conditional=bool(headers))

    async def _judge(self, url: str, answer: Answer, *, is_conditional: bool) -> Page:
        if answer.location is not None:
            return Page(url, State.MOVED, location=answer.location)
        if answer.status in _GONE:
            return Page(url, State.GONE)
        if answer.status == _NOT_MODIFIED and is_conditional:
            return Page(url, State.SAME)
        if answer.status in _FINE:
            async with aclosing(answer.chunks(self._largest)) as chunks:
                spool = await Spool.fill(chunks)
            return Page(url, State.FRESH, answer.content_type, answer.headers, spool)
        error = ServerSilent if answer.status in _SILENT else ItemUnavailable
        raise error(location=url, reason=f"the server answers {answer.status}")


def mark_of(page: Page, lastmod: str = "", scope: str = "", links: tuple[str, ...] | None = ()) -> Mark:
    """The mark of a fresh page."""
    headers = page.headers or {}
    sha256 = page.spool.sha256 if page.spool else ""
    etag, modified = headers.get("etag", ""), headers.get("last-modified", "")
    return Mark(sha256, page.content_type, etag, modified, lastmod, scope, links)


def found(url: str, fingerprint: str, content_type: str, spool: Spool | None) -> Found:
    content: Content = spool.open if spool else lambda: _Unread(url)
    return Found(url, fingerprint, document_name(url), filename(url, content_type), content)


def unreadable(key: str, error: SourceError) -> Unreadable:
    return Unreadable(key, error.code, error.message)


class _Unread(AbstractAsyncContextManager[AsyncIterator[bytes]]):
    """The content of an unchanged page, which nobody opens."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __aenter__(self) -> AsyncIterator[bytes]:
        raise ItemUnavailable(location=self._url, reason="it has not changed, so it was not fetched")

    async def __aexit__(self, *error: object) -> None:
        """Nothing was opened."""
