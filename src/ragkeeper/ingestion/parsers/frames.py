"""What parent and child say to each other: length-prefixed JSON with the text beside it.

A frame is two big-endian 32-bit lengths (header, text), the header as JSON and the text as UTF-8. The child may have
been taken over by the file it read, so the parent checks every frame's sizes before reading and every span after.
"""

import json
import struct
from typing import Any

from ragkeeper.ingestion.parsers.port import HeadingSpan, PageSpan, ParsedDocument, ParseWarning

PREFIX = struct.Struct(">II")
HEADER_BYTES = 64 << 20


class MalformedFrameError(Exception):
    """The other side sent something that is not a frame."""


def pack(header: dict[str, Any], text: str = "") -> bytes:
    encoded = json.dumps(header, separators=(",", ":")).encode()
    body = text.encode()
    return PREFIX.pack(len(encoded), len(body)) + encoded + body


def unpack(prefix: bytes, text_bytes: int) -> tuple[int, int]:
    """Return the two lengths; raises MalformedFrameError when they are over the limits."""
    header, text = PREFIX.unpack(prefix)
    if header > HEADER_BYTES or text > text_bytes:
        raise MalformedFrameError(f"{header} + {text} bytes announced")
    return header, text


def describe(document: ParsedDocument) -> dict[str, Any]:
    """Return everything but the text, as plain JSON values."""
    return {
        "media_type": document.media_type,
        "title": document.title,
        "pages": [[page.number, page.start, page.end] for page in document.pages],
        "headings": [[span.level, span.start, span.end, span.title] for span in document.headings],
        "tables": [list(span) for span in document.tables],
        "metadata": dict(document.metadata),
        "warnings": [[warning.code, warning.message, warning.page] for warning in document.warnings],
    }


def restore(header: dict[str, Any], text: str) -> ParsedDocument:
    """Return the document a child described; raises MalformedFrameError unless every value has its type and place."""
    try:
        document = ParsedDocument(
            text=text,
            media_type=str(header["media_type"]),
            title=None if header["title"] is None else str(header["title"]),
            pages=tuple(PageSpan(int(n), int(a), int(b)) for n, a, b in header["pages"]),
            headings=tuple(HeadingSpan(int(n), int(a), int(b), str(t)) for n, a, b, t in header["headings"]),
            tables=tuple((int(a), int(b)) for a, b in header["tables"]),
            metadata={str(key): str(value) for key, value in header["metadata"].items()},
            warnings=tuple(
                ParseWarning(str(code), str(message), None if page is None else int(page))
                for code, message, page in header["warnings"]
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedFrameError(f"header: {error}") from error
    _check_spans(document)
    return document


def _check_spans(document: ParsedDocument) -> None:
    size = len(document.text)
    for group in (document.pages, document.headings):
        _check_order([(span.start, span.end) for span in group], size)
    _check_order(list(document.tables), size)


def _check_order(spans: list[tuple[int, int]], size: int) -> None:
    last = 0
    for start, end in spans:
        if not last <= start <= end <= size:
            raise MalformedFrameError(f"span {start}-{end} is out of place")
        last = end
