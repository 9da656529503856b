from collections.abc import Iterator

import httpx
import pytest

from ragkeeper.ingestion.sources.connectors.errors import SourceMalformed, SourceTooLarge
from ragkeeper.ingestion.sources.connectors.gate import Gate
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
    try:
        async for item in found_in.scan({}):
            if isinstance(item, Unreadable):
                unreadable[item.key] = item.code
            else:
                found[item.key] = (item.fingerprint, await read(item))
    finally:
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


class Answers:
    """A name service that says what it is told to, each time the next; the last for ever."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(f"{host}:{port}")
        return [self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]]


def named(site: Site, resolve: Answers, scheme: str = "http", private: bool = True) -> S3Connector:
    """A bucket at a name that only `resolve` knows."""
    host = f"bucket.test:{site.port}"
    service = Service(f"{scheme}://{host if private else 'bucket.test'}", access_key="reader", secret_key="hush")  # noqa: S106
    return S3Connector(Bucket("papers"), service, LIMITS, [host] if private else [], resolve)


async def test_the_connection_goes_to_the_address_that_was_checked(site: Site) -> None:
    FakeS3(site).put("a.txt", b"a")
    found, _ = await scan(named(site, Answers("127.0.0.1")))
    assert found["a.txt"][1] == b"a"
    assert {one.headers["host"] for one in site.asked} == {f"bucket.test:{site.port}"}
    assert not any("proxy-authorization" in one.headers for one in site.asked)


@pytest.mark.parametrize("inside", ["127.0.0.1", "169.254.169.254", "10.0.0.8", "::1"])
async def test_a_name_that_answers_differently_the_second_time_leads_nowhere(site: Site, inside: str) -> None:
    resolve = Answers("93.184.215.14", inside)
    with pytest.raises(AddressRefused, match="not public"):
        await scan(named(site, resolve, scheme="https", private=False))
    assert len(resolve.asked) > 1
    assert site.asked == []


async def test_a_private_endpoint_that_turns_into_the_clouds_own_address_is_refused(site: Site) -> None:
    FakeS3(site).put("a.txt", b"a")
    with pytest.raises(AddressRefused):
        await scan(named(site, Answers("127.0.0.1", "169.254.169.254")))
    assert site.asked == []


async def test_redirects_are_checked_like_a_first_address(site: Site) -> None:
    with serve() as inside:
        inside.routes["/secret"] = Reply(b"<ListBucketResult></ListBucketResult>")
        site.routes["/papers"] = Reply(status=307, headers={"Location": f"{inside.url}/secret"})
        with pytest.raises(SourceError):
            await scan(named(site, Answers("127.0.0.1")))
        assert site.asked
        assert inside.asked == []


async def test_nobody_else_on_this_machine_gets_through_the_gate(site: Site) -> None:
    site.routes["/"] = Reply(b"inside")
    gate = Gate([site.host], Answers("127.0.0.1"))
    address = httpx.URL(await gate.open())
    try:
        for proxy in (address.copy_with(userinfo=b""), address.copy_with(userinfo=b"ragkeeper:guess")):
            async with httpx.AsyncClient(proxy=str(proxy), trust_env=False) as http:
                assert (await http.get(site.url)).status_code == httpx.codes.PROXY_AUTHENTICATION_REQUIRED
        async with httpx.AsyncClient(proxy=str(address), trust_env=False) as http:
            assert (await http.get(site.url)).text == "inside"
            assert (await http.post(site.url)).status_code == httpx.codes.FORBIDDEN
            assert (await http.get("http://127.0.0.1:9/")).status_code == httpx.codes.FORBIDDEN
        assert [one.method for one in site.asked] == ["GET"]
    finally:
        await gate.close()
