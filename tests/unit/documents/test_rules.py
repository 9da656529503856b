import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.documents.rules import clean_name, title_from_name


@pytest.mark.parametrize(
    ("given_name", "cleaned"),
    [
        ("report.pdf", "report.pdf"),
        ("C:\\Users\\me\\report.pdf", "C:/Users/me/report.pdf"),
        ("../../etc/passwd", "etc/passwd"),
        ("/a//b/./c", "a/b/c"),
        ("a\x00b\n.txt", "ab.txt"),
        ("..", ""),
    ],
)
def test_names_lose_what_could_mislead(given_name: str, cleaned: str) -> None:
    assert clean_name(given_name) == cleaned


@given(st.text())
def test_a_clean_name_never_climbs_and_stays_clean(name: str) -> None:
    cleaned = clean_name(name)
    assert ".." not in cleaned.split("/")
    assert not cleaned.startswith("/")
    assert cleaned.isprintable()
    assert len(cleaned) <= 1000


@pytest.mark.parametrize(
    ("name", "title"), [("a/b/annual_report.pdf", "annual report"), ("README", "README"), (".env", ".env")]
)
def test_titles_come_from_names(name: str, title: str) -> None:
    assert title_from_name(name) == title
