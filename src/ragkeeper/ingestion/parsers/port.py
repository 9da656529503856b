"""The contract every parser keeps: a file in, readable text with exact spans out.

Offsets are Python character (code point) offsets into `ParsedDocument.text`, half open. Pages are ordered and do not
overlap; text between two pages is white space. `text[heading.start:heading.end]` contains the heading's title. The
text is meant to be quoted to a person: no page markers, no HTML; tables are Markdown tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PageSpan:
    """A page, slide or sheet; `number` counts from 1."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class HeadingSpan:
    level: int
    start: int
    end: int
    title: str


@dataclass(frozen=True, slots=True)
class ParseWarning:
    """Something the reader of the document should know, for instance `page_without_text` or `ocr_used`."""

    code: str
    message: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    text: str
    media_type: str
    title: str | None
    pages: tuple[PageSpan, ...]
    headings: tuple[HeadingSpan, ...]
    tables: tuple[tuple[int, int], ...]
    metadata: Mapping[str, str]
    warnings: tuple[ParseWarning, ...]


@dataclass(frozen=True, slots=True)
class ParseOptions:
    """What one reading may use: OCR languages ("eng+deu", empty for none), seconds for OCR, most characters of text."""

    ocr_languages: str = ""
    ocr_seconds: float = 200.0
    output_characters: int = 50_000_000
    expanded_bytes: int = 1 << 30


class Parser(Protocol):
    @property
    def busy(self) -> int:
        """Files being read in child processes at this moment; 0 where files are read in this process."""
        ...

    async def parse(self, path: Path, filename: str) -> ParsedDocument:
        """Read one file; `filename` is the name users gave it. Raises subclasses of `IngestionError`."""
        ...

    async def start(self) -> None:
        """Make ready, so that the first file need not wait. Raises ParserUnavailable."""
        ...

    async def close(self) -> None:
        """Let go of every process and folder; parsing in flight is stopped."""
        ...
