"""Chunks that follow the document: sections, then paragraphs, then sentences, sized in the embedding model's tokens."""

from bisect import bisect_right
from dataclasses import dataclass

from ragkeeper.ingestion.chunkers.atoms import LONGEST_CHUNK, Atom, AtomReader, Cut
from ragkeeper.ingestion.chunkers.port import ChunkSpan, TokenCounter
from ragkeeper.ingestion.chunkers.tokens import TokenIndex, WordCounts
from ragkeeper.ingestion.parsers.port import ParsedDocument

_REPEATABLE = frozenset({Cut.SENTENCE, Cut.LINE, Cut.PARAGRAPH})


@dataclass(frozen=True, slots=True)
class ChunkSizes:
    """In tokens of the text alone. The defaults were measured: docs/decisions/0004-chunking.md."""

    target: int = 160
    """A chunk grows up to here. A table or sentence that is longer stays whole while it fits the model."""

    least: int = 80
    """A chunk ends at a heading once it has this many; a paragraph or sentence end is looked for beyond them."""

    overlap: int = 0
    """At most this many are repeated from the chunk before, in whole sentences, never over a heading."""


class StructureChunker:
    """`Chunker` that cuts at the best place between `least` and `target` tokens. Linear in the length of the text."""

    def __init__(self, counter: TokenCounter, sizes: ChunkSizes | None = None) -> None:
        self._words = WordCounts(counter)
        self._sizes = sizes or ChunkSizes()

    def split(self, document: ParsedDocument) -> list[ChunkSpan]:
        reader = AtomReader(document, self._words)
        atoms = reader.atoms()
        pages = _Pages(document)
        title_end = _title_end(document)
        chunks: list[ChunkSpan] = []
        first = 0
        while first < len(atoms):
            beyond, tokens = _fitting(atoms, first, self._end(atoms, first, title_end), reader.index)
            start, end = atoms[first].start, atoms[beyond - 1].end
            chunks.append(
                ChunkSpan(len(chunks), start, end, pages.at(start), pages.at(end - 1), atoms[first].headings, tokens)
            )
            first = self._next_start(atoms, first, beyond, reader.index)
        return chunks

    def _end(self, atoms: list[Atom], first: int, title_end: int) -> int:
        """The atom before which the chunk that begins with `first` ends."""
        limit, least = self._limits(atoms[first])
        total = 0 if atoms[first].end <= title_end else atoms[first].tokens
        best, best_cut = 0, Cut.NEVER
        for at in range(first + 1, len(atoms)):
            atom = atoms[at]
            if atom.cut == Cut.SECTION and total >= least:
                return at
            if total >= least and atom.cut > Cut.NEVER and atom.cut >= best_cut:
                best, best_cut = at, atom.cut
            most = atoms[first].room if atom.cut == Cut.NEVER else limit
            if total + atom.tokens > most or atom.end - atoms[first].start > LONGEST_CHUNK:
                return self._tail(atoms, first, at, total) or best or at
            total += 0 if atom.end <= title_end else atom.tokens
        return len(atoms)

    def _tail(self, atoms: list[Atom], first: int, at: int, total: int) -> int:
        """The end of the section when a chunk may grow to hold its last few atoms, else 0."""
        most = min(atoms[first].room, total + min(self._sizes.least, atoms[first].room) // 2)
        while at < len(atoms) and atoms[at].cut < Cut.SECTION:
            total += atoms[at].tokens
            if total > most or atoms[at].end - atoms[first].start > LONGEST_CHUNK:
                return 0
            at += 1
        return at

    def _limits(self, first: Atom) -> tuple[int, int]:
        limit = min(self._sizes.target, first.room)
        return limit, min(self._sizes.least, limit)

    def _next_start(self, atoms: list[Atom], first: int, beyond: int, index: TokenIndex) -> int:
        """`beyond`, or an earlier atom from which the next chunk repeats at most `overlap` tokens."""
        if not self._sizes.overlap or beyond >= len(atoms):
            return beyond
        limit, least = self._limits(atoms[beyond])
        # So few that the next chunk always gets past `beyond`.
        spare = min(self._sizes.overlap, limit - atoms[beyond].tokens, least - 1)
        start = beyond
        while start - 1 > first and atoms[start].cut in _REPEATABLE and index.is_safe(atoms[start].start):
            spare -= atoms[start - 1].tokens
            if spare < 0 or atoms[start - 1].room != atoms[beyond].room:
                break
            start -= 1
        return start


def _fitting(atoms: list[Atom], first: int, beyond: int, index: TokenIndex) -> tuple[int, int]:
    """Where the chunk really ends, and its tokens: words that touch across atoms may count more together."""
    while True:
        tokens = _tokens(atoms[first:beyond], index)
        if tokens <= atoms[first].room or beyond - first == 1:
            return beyond, tokens
        beyond -= 1


def _tokens(atoms: list[Atom], index: TokenIndex) -> int:
    if all(index.is_safe(atom.start) for atom in atoms) and index.is_safe(atoms[-1].end):
        return sum(atom.tokens for atom in atoms)
    return index.again(atoms[0].start, atoms[-1].end)


def _title_end(document: ParsedDocument) -> int:
    """Where the title that the text begins with ends, else 0.

    Every other chunk has the title put in front, for which its size is not charged; neither is the first one's.
    """
    begin = len(document.text) - len(document.text.lstrip())
    title = document.title or ""
    return begin + len(title) if document.text.startswith(title, begin) else 0


class _Pages:
    def __init__(self, document: ParsedDocument) -> None:
        self._starts = [page.start for page in document.pages]
        self._numbers = [page.number for page in document.pages]

    def at(self, position: int) -> int | None:
        """The page that holds `position`, the nearest earlier one between pages, `None` in a document without pages."""
        if not self._numbers:
            return None
        return self._numbers[max(bisect_right(self._starts, position) - 1, 0)]
