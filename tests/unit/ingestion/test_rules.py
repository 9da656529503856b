import pytest

from ragkeeper.ingestion.models import ParsedVersion, PendingVersion
from ragkeeper.ingestion.rules import newest, readable_title


def parsed(document: str, number: int) -> ParsedVersion:
    version = PendingVersion(f"{document}{number}", document, number, "0" * 64, "f", 1, 0, "t", "n")
    return ParsedVersion(version, "t", "text", "text/plain", None, {}, [], ())


def test_the_highest_number_of_each_document_wins() -> None:
    one, two, other = parsed("a", 1), parsed("a", 2), parsed("b", 1)
    assert newest([two, one, other], {"a": 0, "b": 0}) == [two, other]


def test_what_was_overtaken_or_deleted_is_dropped() -> None:
    assert newest([parsed("a", 1), parsed("gone", 1)], {"a": 2}) == []


@pytest.mark.parametrize(
    ("title", "readable"),
    [
        ("Annual  report\n2024", "Annual report 2024"),
        ("Microsoft Word - lease_v3.doc", "lease_v3"),
        ("0000320193-22-000070", None),
        ("d41d8cd98f00b204e9800998ecf8427e", None),
        ("Untitled 1", None),
        ("Document1", None),
        ("2023 Q1 AAPL", "2023 Q1 AAPL"),
        ("図書館案内", "図書館案内"),
        ("12345", None),
        ("text-d41d8cd98f00b204", None),
        ("", None),
        (None, None),
    ],
)
def test_only_titles_that_tell_something_are_used(title: str | None, readable: str | None) -> None:
    assert readable_title(title) == readable
