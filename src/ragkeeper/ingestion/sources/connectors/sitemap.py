"""Pages that a site lists itself, in the format of sitemaps.org: sitemaps, indexes of them, plain or gzipped.

Limits are the protocol's: 50,000 addresses and 50 MB uncompressed in one file.
"""

import asyncio
import tempfile
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from ragkeeper.ingestion.sources.connectors.bodies import Gunzip
from ragkeeper.ingestion.sources.connectors.errors import (
    ItemTooLarge,
    ItemUnavailable,
    ServerSilent,
    SourceMalformed,
    SourceTooLarge,
)
from ragkeeper.ingestion.sources.connectors.fetch import Fetcher, Request
from ragkeeper.ingestion.sources.connectors.pages import Mark, Page, PageReader, State, found, mark_of, unreadable
from ragkeeper.ingestion.sources.connectors.port import Found, ScanLimits, Unreadable
from ragkeeper.ingestion.sources.connectors.robots import Manners
from ragkeeper.ingestion.sources.connectors.urls import Scope, canonical, host_of, is_document
from ragkeeper.ingestion.sources.errors import SourceError, SourceUnreachable

_LARGEST_FILE = 50 * 1024 * 1024
_MOST_ENTRIES = 50_000
# Pictures and translations of a page are parts of its entry; all of them are held in memory until it ends.
_LARGEST_ENTRY = 20_000
_MOST_FILES = 1000
_MOST_HOPS = 5
_MOST_SILENCES = 5
_IN_MEMORY = 1024 * 1024
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Sitemap:
    """url: of a sitemap or of an index of sitemaps; the rest as in `web.Web`. Pages on hosts not named are left out."""

    url: str
    hosts: tuple[str, ...] = ()
    prefix: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    delay_seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Entry:
    """is_sitemap: it lists others; lastmod: as written, empty when it is not."""

    url: str
    lastmod: str = ""
    is_sitemap: bool = False


class SitemapConnector:
    """The fetcher is this connector's own and closed with it.

    Raises AddressRefused: for a sitemap that must not be fetched.
    """

    def __init__(self, sitemap: Sitemap, limits: ScanLimits, fetcher: Fetcher) -> None:
        fetcher.check(sitemap.url)
        self._sitemap = sitemap
        self._limits = limits
        self._fetcher = fetcher

    async def scan(self, known: Mapping[str, str]) -> AsyncGenerator[Found | Unreadable]:
        one = self._sitemap
        scope = Scope((host_of(canonical(one.url) or one.url), *one.hosts), one.prefix, one.include, one.exclude)
        manners = Manners(self._fetcher, one.delay_seconds)
        reader = PageReader(self._fetcher, manners, self._limits.largest_bytes)
        silences = 0
        # All files are read before the first page: one that is missing must not make its pages look gone.
        for entry in (await self._entries(scope)).values():
            item: Found | Unreadable | None
            try:
                page, item = await self._look(entry, known.get(entry.url, ""), reader, manners, scope)
                silences = 0
            except SourceError as error:
                silences = silences + 1 if isinstance(error, ServerSilent) else 0
                if silences >= _MOST_SILENCES:
                    reason = f"{_MOST_SILENCES} pages in a row did not answer"
                    raise SourceUnreachable(location=one.url, reason=reason) from error
                page, item = None, unreadable(entry.url, error)
            try:
                if item:
                    yield item
            finally:
                if page:
                    page.close()

    async def close(self) -> None:
        await self._fetcher.close()

    async def _entries(self, scope: Scope) -> dict[str, Entry]:
        """The pages that all files list, by address. Raises SourceError when one of the files cannot be read."""
        waiting, met = [self._sitemap.url], {self._sitemap.url}
        pages: dict[str, Entry] = {}
        while waiting:
            url = waiting.pop()
            for entry in await self._file(url):
                if not entry.is_sitemap:
                    pages |= {entry.url: entry} if scope.holds(entry.url) else {}
                elif entry.url not in met:
                    met.add(entry.url)
                    waiting.append(entry.url)
            if len(pages) > self._limits.most_items:
                raise SourceTooLarge(location=self._sitemap.url, limit=f"{self._limits.most_items:,}")
            if len(met) > _MOST_FILES:
                raise SourceMalformed(location=self._sitemap.url, reason=f"it lists more than {_MOST_FILES} sitemaps")
        return pages

    async def _file(self, url: str) -> list[Entry]:
        try:
            async with self._fetcher.open(Request(url)) as answer:
                if answer.status != HTTPStatus.OK:
                    raise SourceUnreachable(location=url, reason=f"the server answers {answer.status}")
                async with aclosing(answer.chunks(_LARGEST_FILE)) as chunks:
                    return await read_sitemap(chunks, answer.url)
        except (ItemUnavailable, ItemTooLarge) as error:
            raise SourceUnreachable(location=url, reason=error.message.rstrip(".")) from error

    async def _look(
        self, entry: Entry, fingerprint: str, reader: PageReader, manners: Manners, scope: Scope
    ) -> tuple[Page | None, Found | None]:
        """The page, to be closed, and its item; an unchanged date of its entry is believed without asking."""
        mark = Mark.parse(fingerprint)
        if mark and entry.lastmod and mark.lastmod == entry.lastmod:
            allowed = await manners.may_fetch(entry.url)
            return None, found(entry.url, fingerprint, mark.content_type, None) if allowed else None
        page = await self._arrive(entry.url, mark, reader, scope)
        if page.state is State.SAME and mark:
            return page, found(entry.url, fingerprint, mark.content_type, None)
        if page.state is not State.FRESH or not is_document(page.content_type, page.url):
            return page, None
        new = mark_of(page, entry.lastmod)
        is_same = mark is not None and (mark.sha256, mark.lastmod) == (new.sha256, new.lastmod)
        return page, found(entry.url, fingerprint if is_same else new.text(), page.content_type, page.spool)

    @staticmethod
    async def _arrive(url: str, mark: Mark | None, reader: PageReader, scope: Scope) -> Page:
        """The page, or where it has moved to within the source."""
        page = await reader.read(url, mark)
        for _ in range(_MOST_HOPS):
            target = canonical(page.location) if page.state is State.MOVED else None
            if target is None or not scope.may_visit(target):
                return page
            page = await reader.read(target, mark)
        raise ItemUnavailable(location=url, reason=f"more than {_MOST_HOPS} redirects")


async def read_sitemap(chunks: AsyncIterator[bytes], url: str) -> list[Entry]:
    """What a sitemap lists. Raises SourceMalformed for what is none and for one beyond the protocol's limits."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        async for chunk in chunks:
            file.write(chunk)
        return await asyncio.to_thread(_parse, file, url)


def _parse(file: IO[bytes], url: str) -> list[Entry]:
    file.seek(0)
    is_gzip = file.read(2) == _GZIP
    file.seek(0)
    try:
        if not is_gzip:
            return list(_listed(file, url))
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as plain:
            _unpack(file, plain, url)
            plain.seek(0)
            return list(_listed(plain, url))
    except (ParseError, DefusedXmlException, zlib.error, ValueError, LookupError) as error:
        raise SourceMalformed(location=url, reason=f"it is no sitemap ({error})") from error


def _unpack(packed: IO[bytes], plain: IO[bytes], url: str) -> None:
    gunzip = Gunzip()
    while block := packed.read(65_536):
        for piece in gunzip.feed(block):
            plain.write(piece)
            if plain.tell() > _LARGEST_FILE:
                raise SourceMalformed(location=url, reason=f"it is larger than {_LARGEST_FILE:,} bytes")
    if not gunzip.is_complete:
        raise SourceMalformed(location=url, reason="it breaks off")


def _listed(file: IO[bytes], url: str) -> Iterator[Entry]:
    n_entries = n_held = depth = 0
    root: Element | None = None
    for event, element in iterparse(file, events=("start", "end"), forbid_dtd=True):
        if root is None:
            root = element
            _require_sitemap(root, url)
        depth += 1 if event == "start" else -1
        n_held += event == "start"
        if n_held > _LARGEST_ENTRY:
            raise SourceMalformed(location=url, reason=f"it has an entry of more than {_LARGEST_ENTRY:,} parts")
        if event == "start" or depth != 1:
            continue
        n_entries, n_held = n_entries + 1, 0
        if n_entries > _MOST_ENTRIES:
            raise SourceMalformed(location=url, reason=f"it has more than {_MOST_ENTRIES:,} entries")
        name = _local_name(element)
        entry = _entry(element, url, is_sitemap=name == "sitemap") if name in {"url", "sitemap"} else None
        root.clear()
        if entry:
            yield entry


def _require_sitemap(root: Element, url: str) -> None:
    if _local_name(root) not in {"urlset", "sitemapindex"}:
        raise SourceMalformed(location=url, reason=f"its root is <{_local_name(root)}>, so it is no sitemap")


def _entry(element: Element, url: str, *, is_sitemap: bool) -> Entry | None:
    fields = {_local_name(child): (child.text or "").strip() for child in element}
    target = canonical(fields["loc"], url) if fields.get("loc") else None
    return Entry(target, fields.get("lastmod", "")[:50], is_sitemap) if target else None


def _local_name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
