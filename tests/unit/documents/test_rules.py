import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.documents.errors import DescriptionInvalid
from ragkeeper.documents.models import Scalar
from ragkeeper.documents.rules import clean_name, require_metadata, require_title, title_from_name
from ragkeeper.ingestion.schemas import TextBody


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


@pytest.mark.parametrize(
    "metadata",
    [
        {f"field {number}": number for number in range(65)},
        {"x" * 101: 1},
        {"a": "x" * 1001},
        {"a": float("nan")},
        {"a": float("-inf")},
        {"a": 2**63},
        {"a": 10**400},
        {"a": "half \ud800"},
        {"nul \0": True},
    ],
)
def test_metadata_that_cannot_be_kept(metadata: dict[str, Scalar]) -> None:
    with pytest.raises(DescriptionInvalid):
        require_metadata(metadata)


def test_metadata_up_to_the_limits_is_kept() -> None:
    fields = {**{f"field {number}": "x" * 1000 for number in range(63)}, "ü" * 100: 2**63 - 1}
    body = TextBody.model_validate({"text": "x", "title": "ü" * 1000, "metadata": fields})
    assert (body.title, body.metadata) == ("ü" * 1000, fields)


@pytest.mark.parametrize("title", ["x" * 1001, "half \udfff", "nul \0"])
def test_titles_that_cannot_be_kept(title: str) -> None:
    with pytest.raises(DescriptionInvalid):
        require_title(title)
