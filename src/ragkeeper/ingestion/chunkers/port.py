"""What a chunker takes and gives, and the words a chunk is found by."""

from dataclasses import dataclass
from typing import Protocol

from ragkeeper.ingestion.parsers.port import ParsedDocument

PREFIX_LIMIT = 160
"""Width of the prefix in `indexed_text` (see `width`): about 40 tokens, never so many that no room for text is left."""

TITLE_LIMIT = 110
"""The part of `PREFIX_LIMIT` a title may use when headings follow it."""

JOINT = " > "
_WIDE_FROM = 0x250


class TokenCounter(Protocol):
    """The part of an embedder that sizes chunks."""

    @property
    def max_tokens(self) -> int:
        """Tokens one text may have, special tokens not counted."""

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """`[start, end)` code points of each token of `text`, in order, special tokens left out, nothing cut off."""


@dataclass(frozen=True, slots=True)
class ChunkSpan:
    """One chunk: its text is exactly `document.text[start:end]`.

    `page` and `page_end` are the pages of its first and last character. `headings` is what it stands under, outermost
    first; in the later parts of a divided table the last one is the table's header row. `tokens` counts the text alone.
    """

    ordinal: int
    start: int
    end: int
    page: int | None
    page_end: int | None
    headings: tuple[str, ...]
    tokens: int


class Chunker(Protocol):
    """Divides a document into spans that fit an embedding model."""

    def split(self, document: ParsedDocument) -> list[ChunkSpan]:
        """Spans in order of `start`, ordinals from 0; the same document always gives the same spans.

        Every character that is not white space is in a span. `indexed_text` of each span (with `document.title`) has
        at most `max_tokens` tokens. A document without text has no spans.
        """


def indexed_text(title: str | None, headings: tuple[str, ...], text: str) -> str:
    """What is embedded and indexed by words: `index_prefix`, a line break, `text`."""
    prefix = index_prefix(title, headings, text)
    return f"{prefix}\n{text}" if prefix else text


def index_prefix(title: str | None, headings: tuple[str, ...], text: str = "") -> str:
    """Title and headings in one line at most `PREFIX_LIMIT` wide, `""` where there are none.

    Where room is short the inner headings stay. A name that `text` begins with is left out, which never makes the rest
    longer, so `index_prefix(title, headings)` bounds them all.
    """
    opening = _one_line(text[: PREFIX_LIMIT * 2])
    return JOINT.join(name for name in _kept_names(title, headings) if name not in opening)


def _kept_names(title: str | None, headings: tuple[str, ...]) -> list[str]:
    first = shorten(_one_line(title or ""), TITLE_LIMIT if headings else PREFIX_LIMIT)
    room = PREFIX_LIMIT - width(first)
    kept: list[str] = []
    for heading in reversed(headings):
        room -= width(JOINT)
        name = shorten(_one_line(heading), room)
        room -= width(name)
        if name and name != first:
            kept.append(name)
    return [first, *reversed(kept)] if first else kept[::-1]


def width(text: str) -> int:
    """A Latin character counts 1, any other script 3."""
    return sum(3 if ord(character) >= _WIDE_FROM else 1 for character in text)


def shorten(text: str, limit: int) -> str:
    """The longest start of `text` at most `limit` wide, ending with a whole word where there are words."""
    used = 0
    for at, character in enumerate(text):
        used += 3 if ord(character) >= _WIDE_FROM else 1
        if used > limit:
            return text[: max(text.rfind(" ", 0, at), 0) or at]
    return text


def _one_line(text: str) -> str:
    return " ".join(text.split())
