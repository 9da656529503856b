"""Whether the originals of all documents are there."""

from collections.abc import Callable, Iterator
from pathlib import Path

from ragkeeper.core.checks import Check, Finding, Kind, Severity
from ragkeeper.storage.sql.readonly import ReadOnly

_SHOWN = 5
_PAGE = 10_000

ORIGINALS_MISSING = Kind(
    "originals_missing",
    Severity.FAILURE,
    "The files of {count} documents are not there",
    "Their text is still found and cited; they cannot be downloaded or read anew.",
    "ragkeeper doctor index --deep  # names them all; upload them again, or put `files` back from a copy",
)


def document_checks(truth: ReadOnly, place: Callable[[str], Path]) -> list[Check]:
    """place: where the original of a hash lies."""

    def look() -> Iterator[Finding]:
        gone = {one for one in _originals(truth) if not place(one[1]).is_file()}
        # A file goes after its row: what was deleted between the two looks is not missing.
        missing = sorted({document for document, _ in gone & set(_originals(truth))}) if gone else []
        if missing:
            yield ORIGINALS_MISSING.found({"count": len(missing), "documents": missing[:_SHOWN]})

    return [Check("documents", "originals", lambda: list(look()))]


def _originals(truth: ReadOnly) -> Iterator[tuple[str, str]]:
    """(document, hash) of every version."""
    after = ""
    while rows := truth.rows(
        "SELECT id, document_id, sha256 FROM versions WHERE id > ? ORDER BY id LIMIT ?", after, _PAGE
    ):
        after = str(rows[-1][0])
        yield from ((str(row[1]), str(row[2])) for row in rows)
