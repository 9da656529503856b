import gzip
from collections.abc import AsyncIterator

import pytest

from ragkeeper.ingestion.sources.connectors.errors import SourceMalformed
from ragkeeper.ingestion.sources.connectors.sitemap import Entry, read_sitemap

URL = "https://example.org/sitemap.xml"
NS = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


async def read(text: str | bytes) -> list[Entry]:
    async def chunks() -> AsyncIterator[bytes]:
        yield text if isinstance(text, bytes) else text.encode()

    return await read_sitemap(chunks(), URL)


async def test_pages_and_dates_are_read() -> None:
    text = f"""<?xml version="1.0"?><urlset {NS} xmlns:image="http://x">
    <url><loc> https://EXAMPLE.org/a?x=1&amp;y=2 </loc><lastmod>2026-01-02</lastmod><priority>1</priority>
    <image:image><image:loc>https://example.org/i.png</image:loc></image:image></url>
    <url><loc>/b</loc></url><url><lastmod>2026</lastmod></url></urlset>"""
    pages = [Entry("https://example.org/a?x=1&y=2", "2026-01-02"), Entry("https://example.org/b")]
    assert await read(text) == pages
    assert await read(gzip.compress(text.encode())) == pages


async def test_an_index_lists_sitemaps() -> None:
    text = f"<sitemapindex {NS}><sitemap><loc>https://example.org/1.xml.gz</loc></sitemap></sitemapindex>"
    assert await read(text) == [Entry("https://example.org/1.xml.gz", is_sitemap=True)]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>'
FILE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><urlset><url><loc>http://x/&a;</loc></url></urlset>'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not xml",
        "<html><body/></html>",
        "<urlset><url>",
        BOMB,
        FILE,
        gzip.compress(b"<urlset/>", mtime=0)[:-5],
        b"\x1f\x8bx",
    ],
)
async def test_what_is_no_sitemap_is_refused(text: str | bytes) -> None:
    with pytest.raises(SourceMalformed):
        await read(text)


async def test_the_protocols_limits_hold() -> None:
    entries = "<url/>" * 50_001
    with pytest.raises(SourceMalformed, match="50,000 entries"):
        await read(f"<urlset>{entries}</urlset>")
    with pytest.raises(SourceMalformed, match="larger than"):
        await read(gzip.compress(bytes(60_000_000)))


@pytest.mark.parametrize("inside", [b"<a/>" * 60_000, b"<url>" + b"<a/>" * 30_000 + b"</url>", b"<a>" * 30_000])
async def test_what_is_no_entry_is_not_held_in_memory_without_end(inside: bytes) -> None:
    with pytest.raises(SourceMalformed, match=r"more than [25]0,000"):
        await read(b"<urlset>" + inside)
