import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.ingestion.sources.connectors.links import read_links
from tests.growth import grows_with_its_size

URL = "https://example.org/docs/"


def links(page: str, **headers: str) -> tuple[str, ...]:
    found = read_links(page.encode(), {name.replace("_", "-"): value for name, value in headers.items()}, URL)
    return tuple(link.removeprefix("https://example.org") for link in found.links)


def test_links_come_in_order_without_doubles() -> None:
    page = "<A HREF=b>x</A><a class='x' href=\"a?x=1&amp;y=2#f\">y</a><area href='/c'><a href='b#z'><frame src=d>"
    assert links(page) == ("/docs/b", "/docs/a?x=1&y=2", "/c", "/docs/d")


def test_what_only_looks_like_a_link_is_none() -> None:
    page = """<!-- <a href=1> --><script>"<a href=2>"</script><STYLE><a href=3></style><link href=4><abbr href=5>
    <a name=6><a href="mailto:x@y"><a href='javascript:x'><a href="7" title="a > b">ok</a><textarea><a href=8>"""
    assert links(page) == ("/docs/7",)


def test_a_base_moves_relative_links() -> None:
    assert links('<base href="/other/"><base href="/no/"><a href=a>') == ("/other/a",)


def test_nofollow_is_respected_on_links_on_pages_and_in_headers() -> None:
    assert links("<a rel='external NOFOLLOW' href=a><a rel=noopener href=b>") == ("/docs/b",)
    assert links("<meta name=robots content='noarchive, nofollow'><a href=a>") == ()
    assert links("<a href=a>", x_robots_tag="nofollow") == ()
    assert links("<a href=a>", x_robots_tag="otherbot: none") == ("/docs/a",)
    assert links("<meta name=googlebot content=none><a href=a>") == ("/docs/a",)


@pytest.mark.parametrize("content", ["noindex", "NONE", "follow,noindex"])
def test_noindex_is_respected(content: str) -> None:
    assert not read_links(f"<meta content='{content}' name='Robots'>".encode(), {}, URL).may_index
    assert not read_links(b"", {"x-robots-tag": content}, URL).may_index
    assert read_links(b"<meta name=robots content=index>", {}, URL).may_index


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<a href='/ä'>".encode("latin-1"), "text/html; charset=ISO-8859-1"),
        (b"<meta charset='latin-1'>" + "<a href='/ä'>".encode("latin-1"), "text/html"),
        ("<a href='/ä'>".encode("utf-16"), "text/html"),
        ("<a href='/ä'>".encode(), "text/html; charset=no-such"),
        ("<a href='/ä'>".encode(), ""),
    ],
)
def test_letters_are_read_in_the_pages_charset(body: bytes, content_type: str) -> None:
    assert read_links(body, {"content-type": content_type}, URL).links == ("https://example.org/%C3%A4",)


@given(st.binary(max_size=300))
def test_any_bytes_can_be_read(body: bytes) -> None:
    assert isinstance(read_links(body, {}, URL).links, tuple)


@pytest.mark.parametrize(
    "piece", ["<!--", "<script", "<a ", "<a href='", '<a "', "<a x=", "<a x   ", "<a x='>'", "<meta charset", "<a <a"]
)
def test_hostile_pages_take_time_by_their_length_only(piece: str) -> None:
    assert grows_with_its_size(
        lambda body: read_links(body, {}, URL), lambda size: (piece * size)[:size].encode(), 300_000
    )
