"""Decisions of ingestion: no I/O."""

import re
from collections.abc import Mapping, Sequence

from ragkeeper.documents.models import Problem
from ragkeeper.ingestion.errors import by_code
from ragkeeper.ingestion.models import ParsedVersion

_PRODUCER_PREFIX = re.compile(r"^Microsoft (Word|PowerPoint|Excel) - ", re.IGNORECASE)
_FILE_ENDING = re.compile(r"\.(docx?|pptx?|xlsx?|odt|rtf|pdf|indd|qxd|tex|dvi|html?|txt|md)$", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"(untitled|no title|document|dokument|presentation|title|slide|sheet)[\s\d-]*", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]{3,}")
_CODE = re.compile(r"(text-)?[0-9a-f-]{12,}", re.IGNORECASE)


def readable_title(title: str | None) -> str | None:
    """What a file calls itself, if that tells a reader anything: no placeholder, number, hash or bare file ending."""
    if not title:
        return None
    cleaned = _FILE_ENDING.sub("", _PRODUCER_PREFIX.sub("", " ".join(title.split()))).strip()
    if _PLACEHOLDER.fullmatch(cleaned) or _CODE.fullmatch(cleaned) or not _WORD.search(cleaned):
        return None
    return cleaned


def not_embedded(count: int) -> dict[str, object]:
    """The warning of a version some of whose chunks the embedding model refused."""
    what = "1 part is" if count == 1 else f"{count} parts are"
    message = f"{what} found by words only: the embedding model does not take the text"
    return {"code": "chunk_not_embedded", "message": message, "page": None}


def may_pass(problem: Problem) -> bool:
    """Whether the same file may well be read the next time: the machine was at fault, not the file."""
    error = by_code().get(problem.code)
    return error is not None and error.retryable


def newest(parsed: Sequence[ParsedVersion], current: Mapping[str, int]) -> list[ParsedVersion]:
    """Those that become current: of each document the highest number, if it is above the current one.

    current: document id to the number of its current version, 0 for none; a document that is missing was deleted.
    """
    best: dict[str, ParsedVersion] = {}
    for item in parsed:
        document_id, number = item.version.document_id, item.version.number
        if document_id not in current or number <= current[document_id]:
            continue
        if document_id not in best or number > best[document_id].version.number:
            best[document_id] = item
    return list(best.values())
