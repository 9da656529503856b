import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.ingestion.sources.connectors.urls import Scope, canonical, document_name, filename, is_document

BASE = "https://example.org/docs/a/page.html?x=1"


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("other.html", "https://example.org/docs/a/other.html"),
        ("../b/./c", "https://example.org/docs/b/c"),
        ("../../../../up", "https://example.org/up"),
        ("/root#part", "https://example.org/root"),
        ("#part", BASE),
        ("?y=2", "https://example.org/docs/a/page.html?y=2"),
        ("//other.org", "https://other.org/"),
        ("HTTPS://EXAMPLE.ORG:443/A", "https://example.org/A"),
        ("http://example.org:80", "http://example.org/"),
        ("http://example.org.:8080/", "http://example.org:8080/"),
        ("/%7euser/%2f%c3%a4", "https://example.org/~user/%2F%C3%A4"),
        ("/\u00e4?q=\u00fc", "https://example.org/%C3%A4?q=%C3%BC"),
        ("https://b\u00fccher.example/", "https://xn--bcher-kva.example/"),
        (" spaced.html\n", "https://example.org/docs/a/spaced.html"),
        ("/a?utm_source=x&b=", "https://example.org/a?utm_source=x&b="),
        ("https://[::1]:8080/a", "https://[::1]:8080/a"),
        ("mailto:me@example.org", None),
        ("javascript:void(0)", None),
        ("data:text/html,x", None),
        ("ftp://example.org/", None),
        ("http://[::1", None),
        ("/" + "x" * 3000, None),
    ],
)
def test_one_spelling_for_one_page(link: str, expected: str | None) -> None:
    assert canonical(link, BASE) == expected


@given(st.text(max_size=60))
def test_the_one_spelling_stays_what_it_is(link: str) -> None:
    once = canonical(link, BASE)
    if once is not None:
        assert canonical(once) == once
        assert canonical(once, BASE) == once
        assert "#" not in once


@given(st.lists(st.sampled_from(["a", "B", ".", "..", "%41", "x y", "ä", ""]), max_size=6))
def test_paths_stay_on_their_host_without_dot_segments(parts: list[str]) -> None:
    url = canonical("/x/" + "/".join(parts), BASE)
    assert url is not None
    assert url.startswith("https://example.org/")
    assert not {".", ".."} & set(url.split("/"))


def scope(**options: object) -> Scope:
    return Scope(**({"hosts": ["example.org"], "prefix": "", "include": (), "exclude": ()} | options))


def test_a_scope_holds_its_hosts_and_prefix() -> None:
    docs = scope(prefix="/docs/")
    assert docs.holds("https://example.org/docs/a")
    assert docs.holds("http://example.org/docs/a")
    assert not docs.holds("https://example.org/blog/a")
    assert not docs.holds("https://www.example.org/docs/a")
    assert not docs.holds("https://example.org:8443/docs/a")
    docs.add_host("https://www.example.org/x")
    assert docs.holds("https://www.example.org/docs/a")


def test_patterns_choose_items_and_stop_visits() -> None:
    chosen = scope(include=("*.pdf",), exclude=("*/private/*",))
    assert chosen.may_visit("https://example.org/list")
    assert not chosen.holds("https://example.org/list")
    assert chosen.holds("https://example.org/a.pdf")
    assert not chosen.may_visit("https://example.org/private/a.pdf")


@pytest.mark.parametrize("name", ["a.png", "b.ZIP", "c.css", "d.js", "e.mp4"])
def test_pictures_archives_and_programs_are_not_visited(name: str) -> None:
    assert not scope().may_visit(f"https://example.org/{name}")


@pytest.mark.parametrize(
    ("content_type", "path", "expected"),
    [
        ("text/html", "/a.php", True),
        ("application/pdf", "/download?id=4", True),
        ("application/octet-stream", "/a.docx", True),
        ("application/octet-stream", "/a", False),
        ("image/png", "/a", False),
        ("application/json", "/api", False),
        ("", "/a.md", True),
    ],
)
def test_documents_are_told_by_type_then_by_name(content_type: str, path: str, expected: bool) -> None:
    assert is_document(content_type, f"https://example.org{path}") is expected


def test_names_are_readable_and_tell_pages_apart() -> None:
    pages = [
        "https://example.org/",
        "https://example.org/a",
        "https://example.org/a/",
        "https://example.org/a?b=%C3%A4",
    ]
    names = [document_name(page) for page in pages]
    assert names == ["example.org/index", "example.org/a", "example.org/a/index", "example.org/a?b=ä"]


@pytest.mark.parametrize(
    ("path", "content_type", "expected"),
    [
        ("/", "text/html", "index.html"),
        ("/a.php?x=1", "text/html", "a.php.html"),
        ("/v1.2", "text/html", "v1.2.html"),
        ("/a.htm", "text/html", "a.htm"),
        ("/report.pdf", "application/pdf", "report.pdf"),
        ("/download", "application/pdf", "download.pdf"),
        ("/notes.md", "text/plain", "notes.md"),
        ("/%C3%A4.docx", "application/octet-stream", "ä.docx"),
    ],
)
def test_a_file_name_fits_the_type(path: str, content_type: str, expected: str) -> None:
    assert filename(f"https://example.org{path}", content_type) == expected
