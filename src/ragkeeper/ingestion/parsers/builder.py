"""Puts a document's text together block by block, so that every span is right by construction."""

import re
from collections.abc import Iterable, Sequence
from typing import Self

from ragkeeper.ingestion.parsers.port import HeadingSpan, PageSpan, ParsedDocument, ParseWarning

_LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}
# Control characters, zero-width spaces, byte order marks and private-use glyphs carry no text a person could read.
# The zero-width joiners stay: Persian, Arabic and Indic words need them.
_CLEANED = (
    dict.fromkeys([*range(9), 11, *range(14, 32), 127, 0xAD, 0x200B, 0x2060, 0xFEFF, 0xFFFE, 0xFFFF])
    | dict.fromkeys([0x0C, 0x0D, 0x85, 0x2028, 0x2029], "\n")
    | dict.fromkeys([0xA0, 0x2007, 0x202F], " ")
    | dict.fromkeys(range(0x80, 0x85))
    | dict.fromkeys(range(0x86, 0xA0))
    | dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
    | _LIGATURES
)
_TRAILING = re.compile(r"[ \t]+(?=\n|$)")
_BLANK_LINES = re.compile(r"\n{3,}")


def clean(text: str) -> str:
    """Return `text` with one kind of line end, no invisible characters and no runs of blank lines."""
    text = text.replace("\r\n", "\n").translate(_CLEANED)
    return _BLANK_LINES.sub("\n\n", _TRAILING.sub("", text)).strip("\n")


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def markdown_table(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as a Markdown table; empty rows and columns on the right are dropped. "" when nothing is left."""
    cells = [[one_line(cell).replace("|", "\\|") for cell in row] for row in rows]
    cells = [row for row in cells if any(row)]
    if not cells:
        return ""
    width = max(last + 1 for row in cells for last, cell in enumerate(row) if cell)
    padded = [(row + [""] * width)[:width] for row in cells]
    if width == 1:  # a layout box or a list, not a table: plain lines read and quote better
        return "\n".join(row[0] for row in padded)
    lines = ["| " + " | ".join(row) + " |" for row in padded]
    lines.insert(1, "|" + " --- |" * width)
    return "\n".join(lines)


class DocumentBuilder:
    """Collects blocks; `build` returns the document. Blocks are cleaned before they are measured."""

    def __init__(self, media_type: str) -> None:
        self.media_type = media_type
        self.title: str | None = None
        self.metadata: dict[str, str] = {}
        self.warnings: list[ParseWarning] = []
        self._parts: list[str] = []
        self._length = 0
        self._pages: list[PageSpan] = []
        self._page: tuple[int, int] | None = None
        self._headings: list[HeadingSpan] = []
        self._tables: list[tuple[int, int]] = []

    @classmethod
    def continuing(cls, document: ParsedDocument) -> Self:
        """Return a builder that holds a document without pages already."""
        builder = cls(document.media_type)
        builder.title, builder.metadata = document.title, dict(document.metadata)
        builder.warnings = list(document.warnings)
        builder.include(document, levels=0)
        return builder

    def add(self, text: str, gap: str = "\n\n") -> tuple[int, int]:
        """Append a block after `gap`; return its span (empty when the cleaned block is empty)."""
        return self.add_clean(clean(text), gap)

    def add_clean(self, text: str, gap: str = "\n\n") -> tuple[int, int]:
        """Append a block that `clean` has seen already."""
        if not text.strip():
            return self._length, self._length
        if self._length:
            self._parts.append(gap)
            self._length += len(gap)
        start = self._length
        self._parts.append(text)
        self._length += len(text)
        return start, self._length

    def add_heading(self, level: int, title: str) -> None:
        title = one_line(title)
        start, end = self.add_clean(title)
        if end > start:
            self.mark_heading(level, start, end, title)

    def mark_heading(self, level: int, start: int, end: int, title: str) -> None:
        self._headings.append(HeadingSpan(min(max(level, 1), 6), start, end, title))

    def add_table(self, rows: Iterable[Sequence[str]]) -> None:
        start, end = self.add_clean(markdown_table(rows))
        if end > start:
            self._tables.append((start, end))

    def include(self, document: ParsedDocument, levels: int) -> None:
        """Append another document's text; its headings go `levels` deeper, its pages do not count here."""
        start, end = self.add_clean(document.text)
        if end == start:
            return
        for heading in document.headings:
            self.mark_heading(heading.level + levels, start + heading.start, start + heading.end, heading.title)
        self._tables.extend((start + first, start + last) for first, last in document.tables)

    def start_page(self, number: int) -> None:
        self.end_page()
        self._page = (number, self._length)

    def end_page(self) -> None:
        """Close the open page; its span begins at its first character, not in the gap before it."""
        if self._page is None:
            return
        number, before = self._page
        start = min(before + 2, self._length) if before and self._length > before else before
        self._pages.append(PageSpan(number, start, self._length))
        self._page = None

    def warn(self, code: str, message: str, page: int | None = None) -> None:
        self.warnings.append(ParseWarning(code, message, page))

    @property
    def length(self) -> int:
        return self._length

    def build(self) -> ParsedDocument:
        self.end_page()
        return ParsedDocument(
            text="".join(self._parts),
            media_type=self.media_type,
            title=self.title or None,
            pages=tuple(self._pages),
            headings=tuple(self._headings),
            tables=tuple(self._tables),
            metadata=self.metadata,
            warnings=tuple(self.warnings),
        )
