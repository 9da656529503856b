"""A document as a row of atoms: the pieces a chunk is built from, and how good a place before each one is to cut."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from ragkeeper.core.sentences import SENTENCE_MARKS, sentence_spans
from ragkeeper.ingestion.chunkers.port import index_prefix
from ragkeeper.ingestion.chunkers.tokens import TokenIndex, WordCounts
from ragkeeper.ingestion.parsers.port import ParsedDocument

LONGEST_CHUNK = 5000
"""Code points. Endless words count as one token and white space as none; neither may make a chunk endless."""

LONG_SENTENCE = 60
"""Tokens. Nine of ten sentences are shorter; a longer one may be divided between its lines."""


class Cut(IntEnum):
    """How good the place before an atom is to begin a new chunk."""

    NEVER = 0  # inside a word or a line, or straight after a heading
    WRAP = 1  # between lines inside a sentence
    SENTENCE = 2
    LINE = 3
    PARAGRAPH = 4
    TABLE = 5
    SECTION = 6


@dataclass(frozen=True, slots=True)
class Atom:
    """A span that is not divided further. `room` is the tokens a chunk that begins here may have."""

    start: int
    end: int
    tokens: int
    cut: Cut
    room: int
    headings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Region:
    """A heading, a table or the text between them. `path` is what its text stands under."""

    kind: str
    start: int
    end: int
    path: tuple[str, ...]


def regions(document: ParsedDocument) -> Iterator[Region]:
    """The whole document in order, without gaps. Headings and tables that overlap earlier ones are plain text."""
    marks = [(h.start, h.end, h.level, h.title) for h in document.headings] + [
        (s, e, 0, "") for s, e in document.tables
    ]
    stack: list[tuple[int, str]] = []
    at = 0
    for start, end, level, title in sorted(marks):
        if start < at or end <= start or end > len(document.text):
            continue
        yield Region("text", at, start, tuple(name for _, name in stack))
        if level:
            stack = [(depth, name) for depth, name in stack if depth < level]
            stack.append((level, title))
        yield Region("heading" if level else "table", start, end, tuple(name for _, name in stack))
        at = end
    yield Region("text", at, len(document.text), tuple(name for _, name in stack))


class AtomReader:
    """Reads one document's atoms, each small enough for a chunk of its own."""

    def __init__(self, document: ParsedDocument, words: WordCounts) -> None:
        self._document = document
        self._text = document.text
        self._counter = words.counter
        self._page_starts = [page.start for page in document.pages]
        self.index = TokenIndex(document.text, words)
        self._rooms: dict[tuple[str, ...], int] = {}

    def atoms(self) -> list[Atom]:
        found: list[Atom] = []
        before = Cut.PARAGRAPH
        for region in regions(self._document):
            pieces = list(self._region_atoms(region, before))
            found.extend(pieces)
            if pieces:
                before = {"heading": Cut.NEVER, "table": Cut.TABLE}.get(region.kind, Cut.PARAGRAPH)
        return found

    def _region_atoms(self, region: Region, before: Cut) -> Iterator[Atom]:
        if region.kind == "table":
            return self._table_atoms(region, before if before == Cut.NEVER else Cut.TABLE)
        if region.kind == "heading":
            cut = before if before == Cut.NEVER else Cut.SECTION
            return self._fitted(self._trimmed(region.start, region.end), cut, region.path)
        return self._text_atoms(region, before)

    def _room(self, path: tuple[str, ...]) -> int:
        """Tokens left for text under `path`, never less than a quarter of what the model takes."""
        if path not in self._rooms:
            prefix = index_prefix(self._document.title, path)
            used = len(self._counter.token_offsets(prefix)) if prefix else 0
            self._rooms[path] = max(self._counter.max_tokens - used, self._counter.max_tokens // 4)
        return self._rooms[path]

    def _text_atoms(self, region: Region, before: Cut) -> Iterator[Atom]:
        room = self._room(region.path)
        places = list(self._places(region, before))
        counts = self.index.counts([(start, end) for start, end, _ in places])
        for (start, end, cut), tokens in zip(places, counts, strict=True):
            if tokens <= room and self.index.is_safe(start) and self.index.is_safe(end):
                yield Atom(start, end, tokens, cut, room, region.path)
            else:
                yield from self._fitted((start, end), cut, region.path)

    def _places(self, region: Region, before: Cut) -> Iterator[tuple[int, int, Cut]]:
        """The region's sentences, the long ones by lines: forms and tables as plain text have no sentence marks."""
        sentences = self._joined_over_pages(self._sentences(region.start, region.end))
        last = region.start
        for sentence, tokens in zip(sentences, self.index.counts(sentences), strict=True):
            cut = self._cut_between(last, sentence[0]) if last > region.start else before
            last = sentence[1]
            for piece in self._lines(*sentence) if tokens > LONG_SENTENCE else (sentence,):
                yield *piece, cut
                cut = Cut.WRAP

    def _lines(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        while start < end:
            line_end = self._line_end(start, end)
            yield self._trimmed(start, line_end)
            start = self._trimmed(line_end, end)[0]

    def _table_atoms(self, region: Region, before: Cut) -> Iterator[Atom]:
        """The table whole where it fits; else its rows, the later ones under the header row."""
        start, end = self._trimmed(region.start, region.end)
        if self.index.exact(start, end) <= self._room(region.path) and end - start <= LONGEST_CHUNK:
            yield from self._fitted((start, end), before, region.path)
            return
        header = _cells(self._text[start : self._line_end(start, end)])
        path = region.path
        while start < end:
            row_end = self._line_end(start, end)
            yield from self._fitted(self._trimmed(start, row_end), before, path)
            path = (*region.path, header) if header else region.path
            before, start = Cut.LINE, row_end + 1

    def _line_end(self, start: int, end: int) -> int:
        at = self._text.find("\n", start, end)
        return end if at < 0 else at

    def _fitted(self, span: tuple[int, int], cut: Cut, path: tuple[str, ...]) -> Iterator[Atom]:
        """The span as one atom, or by sentences, words and characters until each piece fits."""
        room = self._room(path)
        pending = [span]
        while pending:
            start, end = pending.pop()
            if start >= end:
                continue
            tokens = self.index.exact(start, end)
            if end - start > 1 and (tokens > room or end - start > LONGEST_CHUNK):
                pending.extend(reversed(self._divided(start, end, room)))
                continue
            yield Atom(start, end, tokens, cut, room, path)
            cut = Cut.NEVER

    def _divided(self, start: int, end: int, room: int) -> list[tuple[int, int]]:
        sentences = self._sentences(start, end)
        if len(sentences) > 1:
            return sentences
        start, end = self._trimmed(start, end)
        limit = self.index.after(start, end, room)
        cut = max(self._text.rfind(space, start, limit) for space in " \n\t") + 1
        if cut <= start:
            # An endless word: by tokens where it has them, else in halves.
            cut = limit if start < limit < end else (start + end) // 2
        return [self._trimmed(start, cut), self._trimmed(cut, end)]

    def _sentences(self, start: int, end: int) -> list[tuple[int, int]]:
        return [(start + first, start + beyond) for first, beyond in sentence_spans(self._text[start:end])]

    def _joined_over_pages(self, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Sentences that run over a page break made whole again."""
        joined: list[tuple[int, int]] = []
        for start, end in spans:
            if joined and self._runs_on(joined[-1], start):
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((start, end))
        return joined

    def _runs_on(self, last: tuple[int, int], start: int) -> bool:
        text = self._text
        return (
            self._breaks_page(last[1], start)
            and text[start].islower()
            and text[last[1] - 1] not in SENTENCE_MARKS
            and start - last[0] < LONGEST_CHUNK // 2
        )

    def _breaks_page(self, end: int, start: int) -> bool:
        return bisect_right(self._page_starts, start) > bisect_right(self._page_starts, end)

    def _cut_between(self, end: int, start: int) -> Cut:
        if self._breaks_page(end, start):
            return Cut.LINE
        lines = self._text.count("\n", end, start)
        return (Cut.SENTENCE, Cut.LINE, Cut.PARAGRAPH)[min(lines, 2)]

    def _trimmed(self, start: int, end: int) -> tuple[int, int]:
        piece = self._text[start:end]
        return end - len(piece.lstrip()), start + len(piece.rstrip())


def _cells(row: str) -> str:
    """A Markdown row as `a | b`, other rows as they are."""
    return " | ".join(cell.strip() for cell in row.strip().strip("|").split("|") if cell.strip())
