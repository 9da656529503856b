from collections.abc import Iterator

import pytest

from ragkeeper.ingestion.sources.connectors.errors import SourceMalformed, SourceTooLarge
from ragkeeper.ingestion.sources.connectors.port import Found, ScanLimits, Unreadable
from ragkeeper.ingestion.sources.connectors.s3 import Bucket, S3Connector, Service
from ragkeeper.ingestion.sources.errors import AddressRefused, SourceError, SourceUnreachable
from tests.integration.sources.s3_server import FakeS3
from tests.integration.sources.web_server import Reply, Site, serve

LIMITS = ScanLimits(largest_bytes=1000, most_items=100)


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as site:
        yield site


def connector(site: Site, limits: ScanLimits = LIMITS, signed: bool = True, **options: object) -> S3Connector:
    keys = {"access_key": "reader", "secret_key": "hush"} if signed else {}
    return S3Connector(Bucket("papers", **options), Service(site.url, "eu-test-1", **keys), limits, [site.host])


async def scan(found_in: S3Connector) -> tuple[dict[str, tuple[str, bytes]], dict[str, str]]:
    found, unreadable = {}, {}
    async for item in found_in.scan({}):
        if isinstance(item, Unreadable):
            unreadable[item.key] = item.code
        else:
            found[item.key] = (item.fingerprint, await read(item))
    await found_in.close()
    return found, unreadable


async def read(item: Found) -> bytes:
    async with item.content() as chunks:
        return b"".join([chunk async for chunk in chunks])


async def test_objects_below_the_prefix_are_found_page_by_page(site: Site) -> None:
    bucket = FakeS3(site)
    for number in range(5):
        bucket.put(f"docs/{number}.txt", b"text %d" % number, f'"{number}"')
    bucket.put("docs/ä b+c.txt", b"odd name")
    bucket.put("docs/folder/", b"")
    bucket.put("docs2/other.txt", b"not ours")
    found, unreadable = await scan(connector(site, prefix="docs/"))
    assert found["3.txt"] == ('"3"', b"text 3")
    assert set(found) == {*(f"{number}.txt" for number in range(5)), "ä b+c.txt"}
    assert unreadable == {}
    assert sum("list-type=2" in path for path in site.paths()) > 1


async def test_requests_are_signed_with_the_profiles_key_only(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "stray",
        "AWS_SECRET_ACCESS_KEY": "stray",
        "AWS_SESSION_TOKEN": "stray",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
    }.items():
        monkeypatch.setenv(name, value)
    FakeS3(site).put("a.txt", b"a")
    await scan(connector(site))
    for one in site.asked:
        assert "Credential=reader/" in one.headers["authorization"]
        assert "/eu-test-1/s3/" in one.headers["authorization"]
        assert "x-amz-security-token" not in one.headers
        assert "hush" not in str(one)
    site.asked.clear()
    await scan(connector(site, signed=False))
    assert all("authorization" not in one.headers for one in site.asked)


async def test_patterns_and_sizes_are_kept(site: Site) -> None:
    bucket = FakeS3(site)
    bucket.put("a.txt", b"a")
    bucket.put("b.bin", b"b")
    bucket.put("big.txt", b"x" * 1001)
    found, unreadable = await scan(connector(site, include=("*.txt",)))
    assert set(found) == {"a.txt"}
    assert unreadable == {"big.txt": "source_item_too_large"}


async def test_an_object_that_vanishes_is_unavailable(site: Site) -> None:
    FakeS3(site).put("a.txt", b"a")
    site.routes["/papers/a.txt"] = Reply(
        b"<Error><Code>NoSuchKey</Code></Error>", 404, {"ETag": '"1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
    )
    with pytest.raises(SourceError) as error:
        await scan(connector(site))
    assert error.value.code == "source_item_unavailable"


@pytest.mark.parametrize("status", [403, 404, 301])
async def test_a_bucket_that_cannot_be_listed_is_unreachable(site: Site, status: int) -> None:
    site.routes["/papers"] = Reply(b"<Error/>", status)
    with pytest.raises(SourceUnreachable):
        await scan(connector(site))


async def test_names_that_the_library_cannot_tell_apart_stop_the_scan(site: Site) -> None:
    FakeS3(site).put("docs//a.txt", b"a")
    with pytest.raises(SourceMalformed):
        await scan(connector(site))


async def test_too_many_objects_are_an_error_and_no_cut(site: Site) -> None:
    bucket = FakeS3(site)
    for number in range(3):
        bucket.put(f"{number}.txt", b"x")
    with pytest.raises(SourceTooLarge):
        await scan(connector(site, ScanLimits(largest_bytes=1000, most_items=2)))


async def test_endpoints_are_public_and_encrypted_unless_listed(site: Site) -> None:
    bucket = Bucket("papers")
    for endpoint in (site.url, "http://s3.example.org", "https://u:p@s3.example.org", "https://s3.example.org:9000"):
        with pytest.raises(AddressRefused):
            S3Connector(bucket, Service(endpoint), LIMITS)

    async def inside(_host: str, _port: int) -> list[str]:
        return ["10.0.0.1"]

    with pytest.raises(AddressRefused):
        await scan(S3Connector(bucket, Service("https://s3.example.org"), LIMITS, resolve=inside))
    with pytest.raises(SourceError):
        S3Connector(Bucket("../x"), Service("https://s3.example.org"), LIMITS)
    assert site.asked == []
