import hashlib
import time
from collections.abc import Iterator, Mapping

import pytest

from ragkeeper.ingestion.sources.connectors.fetch import Fetcher, FetchLimits
from ragkeeper.ingestion.sources.connectors.port import Connector, Found, ScanLimits, Unreadable
from ragkeeper.ingestion.sources.connectors.sitemap import Sitemap, SitemapConnector
from ragkeeper.ingestion.sources.connectors.web import Web, WebConnector
from ragkeeper.ingestion.sources.errors import AddressRefused, SourceError, SourceUnreachable
from tests.integration.sources.web_server import HTML, Reply, Site, serve

LIMITS = ScanLimits(largest_bytes=100_000, most_items=100)
PDF = {"Content-Type": "application/pdf"}


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as site:
        yield site


class Seen:
    """What one scan yields, contents read."""

    def __init__(self) -> None:
        self.marks: dict[str, str] = {}
        self.bodies: dict[str, bytes] = {}
        self.items: dict[str, Found] = {}
        self.unreadable: dict[str, Unreadable] = {}


async def scan(connector: Connector, site: Site, known: Mapping[str, str] | None = None) -> Seen:
    seen = Seen()
    try:
        async for item in connector.scan({site.url + path: mark for path, mark in (known or {}).items()}):
            path = item.key.removeprefix(site.url)
            if isinstance(item, Unreadable):
                seen.unreadable[path] = item
                continue
            seen.items[path] = item
            seen.marks[path] = item.fingerprint
            if (known or {}).get(path) != item.fingerprint:
                async with item.content() as chunks:
                    seen.bodies[path] = b"".join([chunk async for chunk in chunks])
    finally:
        await connector.close()
    return seen


def fetcher(site: Site) -> Fetcher:
    return Fetcher([site.host], FetchLimits(first_wait=0.001, longest_wait=0.01, total_seconds=5))


def web(site: Site, start: str = "/", **options: object) -> WebConnector:
    return WebConnector(Web(site.url + start, delay_seconds=0, **options), LIMITS, fetcher(site))


def sitemap(site: Site, **options: object) -> SitemapConnector:
    return SitemapConnector(Sitemap(f"{site.url}/sitemap.xml", delay_seconds=0, **options), LIMITS, fetcher(site))


def small_site(site: Site) -> None:
    site.page("/", "/a", "b#part", "https://elsewhere.example/", etag='"1"')
    site.page("/a", "/", "/file.pdf", "/gone", text="about a", etag='"2"')
    site.page("/b", "/a", "/picture.png", "mailto:x@y")
    site.routes["/file.pdf"] = Reply(b"%PDF-", headers=PDF)


async def test_pages_and_linked_documents_are_found_once(site: Site) -> None:
    small_site(site)
    seen = await scan(web(site), site)
    assert set(seen.items) == {"/", "/a", "/b", "/file.pdf"}
    assert seen.unreadable == {}
    assert seen.bodies["/file.pdf"] == b"%PDF-"
    assert b"about a" in seen.bodies["/a"]
    assert sorted(site.paths()) == ["/", "/a", "/b", "/file.pdf", "/gone", "/robots.txt"]
    assert (seen.items["/a"].name, seen.items["/a"].filename) == (f"{site.host}/a", "a.html")


async def test_unchanged_pages_are_not_sent_again_and_still_followed(site: Site) -> None:
    small_site(site)
    first = await scan(web(site), site)
    site.asked.clear()
    second = await scan(web(site), site, first.marks)
    assert second.marks == first.marks
    assert second.bodies == {}
    asked = {one.path: one.headers.get("if-none-match") for one in site.asked}
    assert (asked["/"], asked["/a"]) == ('"1"', '"2"')


async def test_changed_and_vanished_pages_are_noticed(site: Site) -> None:
    small_site(site)
    first = await scan(web(site), site)
    site.page("/b", "/a", text="new text")
    site.routes["/file.pdf"] = Reply(b"", 410)
    second = await scan(web(site), site, first.marks)
    assert set(second.items) == {"/", "/a", "/b"}
    assert list(second.bodies) == ["/b"]


async def test_what_lies_behind_a_page_that_fails_today_is_not_gone(site: Site) -> None:
    small_site(site)
    first = await scan(web(site), site)
    site.routes["/a"] = Reply(b"", 500)
    second = await scan(web(site), site, first.marks)
    assert set(second.unreadable) == {"/a"}
    assert set(second.items) == {"/", "/b", "/file.pdf"}


async def test_pages_that_only_an_unreadable_one_may_link_to_are_asked_for_themselves(site: Site) -> None:
    site.page("/", "/hub", "/a")
    site.page("/hub", "/kept", "/gone", "/flaky", text="<meta name=robots content=noindex>")
    for path in ("/a", "/kept", "/gone", "/flaky"):
        site.page(path, "/beyond")
    first = await scan(web(site, depth=2), site)
    assert set(first.items) == {"/", "/a", "/kept", "/gone", "/flaky"}
    site.routes["/hub"] = Reply(b"", 403)
    site.routes["/gone"] = Reply(b"", 404)
    site.routes["/flaky"] = Reply(b"", 500)
    second = await scan(web(site, depth=2), site, first.marks)
    assert set(second.items) == {"/", "/a", "/kept"}
    assert set(second.unreadable) == {"/hub", "/flaky"}
    assert second.bodies == {}


async def test_depth_prefix_hosts_patterns_and_counts_bound_the_walk(site: Site) -> None:
    for number in range(6):
        site.page(f"/docs/{number}", f"/docs/{number + 1}", "/blog", f"/docs/{number}.txt")
    site.page("/blog")
    assert set((await scan(web(site, "/docs/0", depth=0), site)).items) == {"/docs/0"}
    deep = await scan(web(site, "/docs/0", depth=2, prefix="/docs/"), site)
    assert set(deep.items) == {"/docs/0", "/docs/1", "/docs/2"}
    few = await scan(web(site, "/docs/0", depth=9, most_pages=3, exclude=("*.txt",)), site)
    assert len(few.items) == 3
    chosen = await scan(web(site, "/docs/0", depth=9, prefix="/docs/", include=("*/[24]",)), site)
    assert set(chosen.items) == {"/docs/2", "/docs/4"}


async def test_robots_rules_are_kept(site: Site) -> None:
    site.routes["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /a\nUser-agent: ragkeeper\nDisallow: /b\n")
    small_site(site)
    assert set((await scan(web(site), site)).items) == {"/", "/a", "/file.pdf"}
    assert "/b" not in site.paths()


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(b"", 500), "answers 500"),
        (Reply(b"", 429), "answers 429"),
        (Reply(b"User-agent: *\nDisallow: /"), "robots.txt forbids"),
    ],
)
async def test_a_host_that_does_not_want_us_is_no_empty_source(site: Site, reply: Reply, reason: str) -> None:
    small_site(site)
    site.routes["/robots.txt"] = reply
    with pytest.raises(SourceUnreachable, match=reason):
        await scan(web(site), site)
    assert set(site.paths()) == {"/robots.txt"}


async def test_a_wanted_delay_is_kept(site: Site) -> None:
    site.routes["/robots.txt"] = Reply(b"User-agent: *\nCrawl-delay: 0.2")
    site.page("/", "/a")
    site.page("/a")
    connector = WebConnector(Web(f"{site.url}/", delay_seconds=0), LIMITS, fetcher(site))
    times: list[float] = []
    site.routes["/a"] = lambda _path, _headers: times.append(0) or Reply(b"", 200, HTML)
    began = time.perf_counter()
    await scan(connector, site)
    assert times
    assert time.perf_counter() - began >= 0.2


async def test_wishes_of_pages_are_respected(site: Site) -> None:
    site.page("/", "/hidden", "/dead-end")
    site.page("/hidden", "/behind", text="<meta name=robots content=noindex>")
    site.page("/dead-end", "/never", text="<meta name=robots content=nofollow>")
    site.page("/behind")
    site.page("/never")
    assert set((await scan(web(site), site)).items) == {"/", "/dead-end", "/behind"}


async def test_redirects_lead_to_the_page_that_counts(site: Site) -> None:
    site.routes["/"] = Reply(status=301, headers={"Location": "/home"})
    site.page("/home", "/old", "/loop", "/out")
    site.routes["/old"] = Reply(status=302, headers={"Location": "/new#x"})
    site.routes["/loop"] = Reply(status=302, headers={"Location": "/loop"})
    site.routes["/out"] = Reply(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data"})
    site.page("/new")
    seen = await scan(web(site), site)
    assert set(seen.items) == {"/home", "/new"}
    assert seen.unreadable == {}


async def test_a_start_that_leads_inside_the_machine_is_refused(site: Site) -> None:
    site.routes["/"] = Reply(status=301, headers={"Location": "http://localhost:1/admin"})
    with pytest.raises(AddressRefused):
        await scan(web(site), site)
    with pytest.raises(AddressRefused):
        WebConnector(Web("http://127.0.0.1:99/"), LIMITS, fetcher(site))
    with pytest.raises(AddressRefused):
        await scan(WebConnector(Web("http://127.0.0.1/"), LIMITS, Fetcher()), site)


@pytest.mark.parametrize("status", [401, 404, 410, 500])
async def test_a_start_that_cannot_be_read_is_an_error(site: Site, status: int) -> None:
    site.routes["/"] = Reply(b"", status)
    with pytest.raises(SourceUnreachable):
        await scan(web(site), site)


async def test_a_server_that_falls_silent_ends_the_walk(site: Site) -> None:
    site.page("/", *[f"/{number}" for number in range(20)])
    for number in range(20):
        site.routes[f"/{number}"] = Reply(b"", 503)
    with pytest.raises(SourceUnreachable, match="5 pages in a row"):
        await scan(web(site), site)


async def test_a_page_that_is_too_large_is_unreadable(site: Site) -> None:
    site.page("/", "/big.pdf", "/a")
    site.routes["/big.pdf"] = Reply(b"x" * 100_001, headers=PDF)
    site.page("/a")
    seen = await scan(web(site), site)
    assert set(seen.items) == {"/", "/a"}
    assert seen.unreadable["/big.pdf"].code == "source_item_too_large"


async def test_many_links_make_a_page_be_read_whole_each_time(site: Site) -> None:
    site.page("/", *[f"/{number}" for number in range(201)], etag='"1"')
    first = await scan(web(site, depth=0), site)
    site.asked.clear()
    second = await scan(web(site, depth=0), site, first.marks)
    assert second.marks == first.marks
    assert all("if-none-match" not in one.headers for one in site.asked)


def listing(*entries: tuple[str, str]) -> Reply:
    rows = "".join(f"<url><loc>{url}</loc><lastmod>{day}</lastmod></url>" for url, day in entries)
    return Reply(f"<urlset>{rows}</urlset>".encode(), headers={"Content-Type": "application/xml"})


async def test_a_sitemap_and_its_dates_save_requests(site: Site) -> None:
    small_site(site)
    entries = [(f"{site.url}/a", "2026-01-01"), (f"{site.url}/b", ""), (f"{site.url}/gone", "2026-01-01")]
    site.routes["/sitemap.xml"] = listing(*entries, ("https://elsewhere.example/", ""))
    first = await scan(sitemap(site), site)
    assert set(first.items) == {"/a", "/b"}
    site.asked.clear()
    second = await scan(sitemap(site), site, first.marks)
    assert second.marks == first.marks
    assert sorted(site.paths()) == ["/b", "/gone", "/robots.txt", "/sitemap.xml"]


async def test_a_new_date_is_looked_into(site: Site) -> None:
    small_site(site)
    site.routes["/sitemap.xml"] = listing((f"{site.url}/a", "2026-01-01"))
    first = await scan(sitemap(site), site)
    site.page("/a", text="changed", etag='"9"')
    site.routes["/sitemap.xml"] = listing((f"{site.url}/a", "2026-01-02"))
    second = await scan(sitemap(site), site, first.marks)
    assert b"changed" in second.bodies["/a"]


async def test_an_index_is_followed_and_no_part_of_it_may_fail(site: Site) -> None:
    small_site(site)
    parts = "".join(f"<sitemap><loc>/{name}.xml</loc></sitemap>" for name in ("one", "two", "sitemap"))
    site.routes["/sitemap.xml"] = Reply(f"<sitemapindex>{parts}</sitemapindex>".encode())
    site.routes["/one.xml"] = listing((f"{site.url}/a", ""))
    site.routes["/two.xml"] = listing((f"{site.url}/b", ""))
    assert set((await scan(sitemap(site), site)).items) == {"/a", "/b"}
    site.routes["/two.xml"] = Reply(b"", 404)
    with pytest.raises(SourceUnreachable, match=r"two\.xml"):
        await scan(sitemap(site), site)


async def test_a_sitemap_cannot_point_inside(site: Site) -> None:
    site.routes["/sitemap.xml"] = Reply(
        b"<sitemapindex><sitemap><loc>http://169.254.169.254/</loc></sitemap></sitemapindex>"
    )
    with pytest.raises(SourceError):
        await scan(sitemap(site), site)


async def test_a_sitemap_obeys_robots_and_bears_single_failures(site: Site) -> None:
    small_site(site)
    site.routes["/robots.txt"] = Reply(b"User-agent: ragkeeper\nDisallow: /b\n")
    site.routes["/locked"] = Reply(b"", 403)
    site.routes["/old"] = Reply(status=301, headers={"Location": "/a"})
    site.routes["/sitemap.xml"] = listing(*[(site.url + path, "") for path in ("/b", "/locked", "/old")])
    seen = await scan(sitemap(site), site)
    assert set(seen.items) == {"/old"}
    assert set(seen.unreadable) == {"/locked"}
    assert hashlib.sha256(seen.bodies["/old"]).hexdigest() in seen.marks["/old"]
