"""Pages that link to one another, from a start address on."""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from ragkeeper.ingestion.sources.connectors.errors import ServerSilent, SourceTooLarge
from ragkeeper.ingestion.sources.connectors.fetch import Fetcher
from ragkeeper.ingestion.sources.connectors.links import HEAD_BYTES, read_links
from ragkeeper.ingestion.sources.connectors.pages import Mark, Page, PageReader, State, found, mark_of, unreadable
from ragkeeper.ingestion.sources.connectors.port import Found, ScanLimits, Unreadable
from ragkeeper.ingestion.sources.connectors.robots import Manners
from ragkeeper.ingestion.sources.connectors.urls import (
    HTML_TYPES,
    Scope,
    canonical,
    host_of,
    is_document,
)
from ragkeeper.ingestion.sources.errors import AddressRefused, SourceError, SourceUnreachable

_MOST_HOPS = 5
_MOST_SILENCES = 5
_MOST_KEPT_LINKS = 200
_QUEUED_PER_PAGE = 20


@dataclass(frozen=True, slots=True)
class Web:
    """depth: links from the start (0: only it); hosts: beside the start's own, `host` or `host:port`.

    prefix: how the paths of pages begin (`/docs/`). Patterns match path and query: what `exclude` names is not visited,
    what `include` does not name is visited for its links only. most_pages: visited in one walk, nearest first.
    """

    start: str
    depth: int = 3
    hosts: tuple[str, ...] = ()
    prefix: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    most_pages: int = 1000
    delay_seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class _Spot:
    url: str
    depth: int
    hops: int = 0


class _Walk:
    """Where one walk has been and what waits; nearest pages first."""

    def __init__(self, start: str, web: Web, scope: Scope) -> None:
        self.start = start
        self._web = web
        self._scope = scope
        self._waiting = deque([_Spot(start, 0)])
        self._met = {start}
        self.n_visited = 0
        self.silences = 0
        self.is_blind = False
        """Whether a page could not be read whose links nobody knows: what was not met may be behind it."""

    def __iter__(self) -> "_Walk":
        return self

    def __next__(self) -> _Spot:
        if not self._waiting or self.n_visited >= self._web.most_pages:
            raise StopIteration
        self.n_visited += 1
        return self._waiting.popleft()

    def follow(self, spot: _Spot, links: Iterable[str]) -> None:
        """Go on to links that lie in the source."""
        if spot.depth >= self._web.depth:
            return
        for link in links:
            if link not in self._met and len(self._met) < self._web.most_pages * _QUEUED_PER_PAGE:
                self._met.add(link)
                self._waiting.append(_Spot(link, spot.depth + 1))

    def left_out(self, known: Iterable[str]) -> list[_Spot]:
        """The known pages that no link led to; theirs are not followed."""
        return [_Spot(url, max(self._web.depth, 1)) for url in known if url not in self._met]

    def redirect(self, spot: _Spot, location: str) -> None:
        """Go to where a page has moved, at once; the start may move to another host, and take the source along."""
        target = canonical(location)
        if target and spot.depth == 0:
            self._scope.add_host(target)
        if target and spot.hops < _MOST_HOPS and target not in self._met and self._scope.may_visit(target):
            self._met.add(target)
            self._waiting.appendleft(_Spot(target, spot.depth, spot.hops + 1))
        elif spot.depth == 0:
            raise SourceUnreachable(location=spot.url, reason=f"it has moved to {location}, outside the source")


class WebConnector:
    """The fetcher is this connector's own and closed with it.

    Raises AddressRefused: for a start that must not be fetched.
    """

    def __init__(self, web: Web, limits: ScanLimits, fetcher: Fetcher) -> None:
        fetcher.check(web.start)
        self._web = web
        self._limits = limits
        self._fetcher = fetcher

    async def scan(self, known: Mapping[str, str]) -> AsyncGenerator[Found | Unreadable]:
        manners = Manners(self._fetcher, self._web.delay_seconds)
        reader = PageReader(self._fetcher, manners, self._limits.largest_bytes)
        crawl = _Crawl(self._web, self._limits.most_items, reader, known)
        async with aclosing(crawl.items()) as items:
            async for item in items:
                yield item

    async def close(self) -> None:
        await self._fetcher.close()


class _Crawl:
    """One walk through a web."""

    def __init__(self, web: Web, most_items: int, reader: PageReader, known: Mapping[str, str]) -> None:
        start = canonical(web.start) or web.start
        self._scope = Scope((host_of(start), *web.hosts), web.prefix, web.include, web.exclude)
        # Links are kept with a page as far as they lie in the source: another scope makes them useless.
        kept = (host_of(start), sorted(web.hosts), web.prefix, web.exclude)
        self._scope_id = hashlib.sha256(repr(kept).encode()).hexdigest()[:8]
        self._walk = _Walk(start, web, self._scope)
        self._most_items = most_items
        self._reader = reader
        self._known = known
        self._seen: set[str] = set()

    async def items(self) -> AsyncGenerator[Found | Unreadable]:
        for spot in self._spots():
            page, item = await self._visit(spot)
            try:
                if item and self._scope.holds(spot.url):
                    self._count(spot.url)
                    yield item
            finally:
                if page:
                    page.close()

    def _spots(self) -> Iterator[_Spot]:
        """What links lead to; and, when a page cannot be read that may link to them, the known pages themselves."""
        yield from self._walk
        if self._walk.is_blind:
            yield from self._walk.left_out(self._known)

    def _count(self, url: str) -> None:
        self._seen.add(url)
        if len(self._seen) > self._most_items:
            raise SourceTooLarge(location=self._walk.start, limit=f"{self._most_items:,}")

    async def _visit(self, spot: _Spot) -> tuple[Page | None, Found | Unreadable | None]:
        mark = Mark.parse(self._known.get(spot.url, ""))
        try:
            page = await self._reader.read(spot.url, self._condition(mark))
        except SourceError as error:
            return None, self._bear(error, spot, mark)
        self._walk.silences = 0
        return page, await self._item(page, spot, mark)

    def _condition(self, mark: Mark | None) -> Mark | None:
        """The mark that may stand in for a page's content: one that knows where the page leads."""
        return mark if mark and mark.scope == self._scope_id and mark.links is not None else None

    def _bear(self, error: SourceError, spot: _Spot, mark: Mark | None) -> Unreadable:
        """One page that cannot be read is borne; the first one, or many silent ones in a row, end the walk."""
        walk = self._walk
        if spot.depth == 0:
            if isinstance(error, AddressRefused):
                raise error
            raise SourceUnreachable(location=spot.url, reason=error.message.rstrip(".")) from error
        walk.silences = walk.silences + 1 if isinstance(error, ServerSilent) else 0
        if walk.silences >= _MOST_SILENCES:
            reason = f"{_MOST_SILENCES} pages in a row did not answer, at last {error.message.rstrip('.')}"
            raise SourceUnreachable(location=walk.start, reason=reason) from error
        usable = self._condition(mark)
        walk.is_blind = walk.is_blind or usable is None
        walk.follow(spot, usable.links or () if usable else ())
        return unreadable(spot.url, error)

    async def _item(self, page: Page, spot: _Spot, mark: Mark | None) -> Found | None:
        """Go on from a page; the item that it is, if any."""
        if page.state is State.FRESH:
            return await self._fresh(page, spot, mark)
        if page.state is State.SAME and mark:
            self._walk.follow(spot, mark.links or ())
            return found(spot.url, self._known[spot.url], mark.content_type, None)
        if page.state is State.MOVED:
            self._walk.redirect(spot, page.location)
        elif spot.depth == 0:
            # A source whose first page is gone or closed to robots is not taken for empty.
            reason = "its robots.txt forbids it" if page.state is State.FORBIDDEN else "there is no such page"
            raise SourceUnreachable(location=page.url, reason=reason)
        return None

    async def _fresh(self, page: Page, spot: _Spot, mark: Mark | None) -> Found | None:
        inside, may_index = await asyncio.to_thread(_links, page, self._scope)
        self._walk.follow(spot, inside)
        if not may_index or not is_document(page.content_type, spot.url):
            return None
        kept = inside if len(inside) <= _MOST_KEPT_LINKS else None
        new = mark_of(page, scope=self._scope_id, links=kept)
        is_same = mark is not None and (mark.sha256, mark.scope) == (new.sha256, new.scope)
        return found(spot.url, self._known[spot.url] if is_same else new.text(), page.content_type, page.spool)


def _links(page: Page, scope: Scope) -> tuple[tuple[str, ...], bool]:
    """Where a page leads within the source, and whether it may be an item."""
    body = page.spool.head(HEAD_BYTES) if page.spool and page.content_type in HTML_TYPES else b""
    read = read_links(body, page.headers or {}, page.url)
    return tuple(link for link in read.links if scope.may_visit(link)), read.may_index
