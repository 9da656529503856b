from ragkeeper.ingestion.models import ParsedVersion, PendingVersion
from ragkeeper.ingestion.rules import newest


def parsed(document: str, number: int) -> ParsedVersion:
    version = PendingVersion(f"{document}{number}", document, number, "0" * 64, "f", 1, "t", "n")
    return ParsedVersion(version, "t", "text", "text/plain", None, {}, [], ())


def test_the_highest_number_of_each_document_wins() -> None:
    one, two, other = parsed("a", 1), parsed("a", 2), parsed("b", 1)
    assert newest([two, one, other], {"a": 0, "b": 0}) == [two, other]


def test_what_was_overtaken_or_deleted_is_dropped() -> None:
    assert newest([parsed("a", 1), parsed("gone", 1)], {"a": 2}) == []
