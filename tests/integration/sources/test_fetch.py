import asyncio
import contextlib
import gzip
from collections.abc import Iterator, Sequence

import pytest

from ragkeeper import __version__
from ragkeeper.ingestion.sources.connectors.errors import ItemTooLarge, ItemUnavailable
from ragkeeper.ingestion.sources.connectors.fetch import Fetcher, FetchLimits, Request
from ragkeeper.ingestion.sources.errors import AddressRefused
from tests.integration.sources.web_server import Reply, Site, serve


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as site:
        yield site


class Naps:
    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


class Lookup:
    """Answers with the next list each time."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def get(fetcher: Fetcher, url: str, largest: int = 10_000, **options: object) -> tuple[int, str, bytes]:
    try:
        async with fetcher.open(Request(url, **options)) as answer:
            return answer.status, answer.url, b"".join([chunk async for chunk in answer.chunks(largest)])
    finally:
        await fetcher.close()


async def test_a_listed_host_is_fetched_under_its_own_name(site: Site) -> None:
    site.routes["/a"] = Reply(b"hello", headers={"Content-Type": "text/PLAIN; charset=x", "Set-Cookie": "a=b"})
    lookup = Lookup(["127.0.0.1"])
    url = f"http://wiki.lan:{site.port}/a"
    fetcher = Fetcher(["wiki.lan"], resolve=lookup)
    for _ in range(2):
        async with fetcher.open(Request(url)) as answer:
            assert answer.content_type == "text/plain"
            assert [chunk async for chunk in answer.chunks(100)] == [b"hello"]
    await fetcher.close()
    assert lookup.asked == [("wiki.lan", site.port)] * 2
    assert site.asked[1].headers["host"] == f"wiki.lan:{site.port}"
    assert site.asked[1].headers["user-agent"] == f"ragkeeper/{__version__}"
    assert "cookie" not in site.asked[1].headers


async def test_a_host_that_nobody_listed_is_not_even_connected_to(site: Site) -> None:
    for url in (site.url, f"http://localhost:{site.port}", f"http://[::ffff:127.0.0.1]:{site.port}"):
        with pytest.raises(AddressRefused):
            await get(Fetcher(), url)
    with pytest.raises(AddressRefused, match="not public"):
        await get(Fetcher(resolve=Lookup(["127.0.0.1"])), "http://example.org/")
    assert site.asked == []


async def test_a_name_that_turns_private_later_is_refused_later(site: Site) -> None:
    """The first answer is used for the connection: there is no second lookup that could differ."""
    site.routes["/"] = Reply(b"inside")
    lookup = Lookup(["127.0.0.1"], ["169.254.169.254"])
    fetcher = Fetcher(["wiki.lan"], resolve=lookup)
    assert (await get(fetcher, f"http://wiki.lan:{site.port}/"))[0] == 200
    assert len(lookup.asked) == 1
    with pytest.raises(AddressRefused):
        await get(fetcher, f"http://wiki.lan:{site.port}/")
    assert len(site.asked) == 1


async def test_redirects_are_followed_and_checked(site: Site) -> None:
    site.routes["/a"] = Reply(status=302, headers={"Location": "/b?c=d"})
    site.routes["/b"] = Reply(b"there")
    assert await get(Fetcher([site.host]), f"{site.url}/a") == (200, f"{site.url}/b?c=d", b"there")
    shown = await get(Fetcher([site.host]), f"{site.url}/a", follow=False)
    assert shown[:2] == (302, f"{site.url}/a")


@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.1:1/", "http://169.254.169.254/latest", "file:///etc/passwd", "http://[::1]/", "//0x7f.1"],
)
async def test_redirects_lead_nowhere_that_is_refused(site: Site, target: str) -> None:
    site.routes["/a"] = Reply(status=301, headers={"Location": target})
    with pytest.raises(AddressRefused):
        await get(Fetcher([site.host]), f"{site.url}/a")


async def test_redirects_end(site: Site) -> None:
    site.routes["/a"] = Reply(status=307, headers={"Location": "/a"})
    with pytest.raises(ItemUnavailable, match="5 redirects"):
        await get(Fetcher([site.host]), f"{site.url}/a")
    assert len(site.asked) == 6


async def test_headers_for_one_host_are_not_told_to_another(site: Site) -> None:
    with serve() as other:
        site.routes["/a"] = Reply(status=302, headers={"Location": f"{other.url}/b"})
        other.routes["/b"] = Reply(b"")
        await get(Fetcher([site.host, other.host]), f"{site.url}/a", headers={"If-None-Match": '"x"'})
        assert site.asked[0].headers["if-none-match"] == '"x"'
        assert "if-none-match" not in other.asked[0].headers


async def test_a_busy_server_is_asked_again_when_it_wants(site: Site) -> None:
    replies = [Reply(status=503, headers={"Retry-After": "7"}), Reply(status=429), Reply(b"now")]
    site.routes["/a"] = lambda _path, _headers: replies.pop(0)
    naps = Naps()
    assert (await get(Fetcher([site.host], sleep=naps), f"{site.url}/a"))[2] == b"now"
    assert naps.seconds[0] == 7
    assert 1 <= naps.seconds[1] <= 2


async def test_a_server_that_asks_for_too_much_time_is_left_alone(site: Site) -> None:
    site.routes["/a"] = Reply(status=503, headers={"Retry-After": "86400"})
    naps = Naps()
    assert (await get(Fetcher([site.host], sleep=naps), f"{site.url}/a"))[0] == 503
    assert naps.seconds == []


async def test_a_server_that_is_not_there_is_unavailable(site: Site) -> None:
    naps = Naps()
    with pytest.raises(ItemUnavailable):
        await get(Fetcher(["127.0.0.1"], sleep=naps), "http://127.0.0.1:1/")
    assert len(naps.seconds) == 2


async def test_the_next_address_is_tried_when_one_is_silent(site: Site) -> None:
    site.routes["/"] = Reply(b"second")
    fetcher = Fetcher(["wiki.lan"], resolve=Lookup(["127.0.0.9", "127.0.0.1"]))
    assert (await get(fetcher, f"http://wiki.lan:{site.port}/"))[2] == b"second"


async def test_sizes_are_bounded_before_and_after_unpacking(site: Site) -> None:
    site.routes["/plain"] = Reply(b"x" * 101)
    site.routes["/bomb"] = Reply(gzip.compress(bytes(10_000_000)), headers={"Content-Encoding": "gzip"})
    for path in ("/plain", "/bomb"):
        with pytest.raises(ItemTooLarge):
            await get(Fetcher([site.host]), site.url + path, largest=100)


async def test_a_body_that_breaks_off_is_unavailable(site: Site) -> None:
    site.routes["/a"] = Reply(b"half", headers={"Content-Length": "8", "Connection": "close"})
    with pytest.raises(ItemUnavailable):
        await get(Fetcher([site.host]), f"{site.url}/a")


async def test_a_server_that_dribbles_meets_the_time_limit() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def dribble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun.set()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.close()
        ended.set()

    server = await asyncio.start_server(dribble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    limits = FetchLimits(total_seconds=0.2, attempts=1)
    for _ in range(10):  # on a busy machine the time can be over before the server has even taken the call
        with pytest.raises(ItemUnavailable, match="too long"):
            await get(Fetcher(["127.0.0.1"], limits), f"http://127.0.0.1:{port}/")
        if begun.is_set():
            break
    assert begun.is_set()
    server.close()
    async with asyncio.timeout(5):
        await ended.wait()


async def test_connections_to_many_hosts_are_let_go_but_not_while_they_are_read(site: Site) -> None:
    site.routes["/"] = Reply(b"x" * 1000)
    names = [f"{number}.lan" for number in range(40)]
    fetcher = Fetcher(names, resolve=Lookup(["127.0.0.1"]))
    async with fetcher.open(Request(f"http://{names[0]}:{site.port}/")) as first:
        for name in names[1:]:
            async with fetcher.open(Request(f"http://{name}:{site.port}/")) as answer:
                assert answer.status == 200
        assert len(fetcher._clients) <= 17
        assert b"".join([chunk async for chunk in first.chunks(1000)]) == b"x" * 1000
    await fetcher.close()


async def test_the_environments_proxy_is_not_asked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    site.routes["/"] = Reply(b"direct")
    assert (await get(Fetcher([site.host]), f"{site.url}/"))[2] == b"direct"
