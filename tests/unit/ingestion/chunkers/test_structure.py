import itertools
import re

import pytest

from ragkeeper.ingestion.chunkers.port import ChunkSpan
from ragkeeper.ingestion.chunkers.structure import ChunkSizes, StructureChunker
from ragkeeper.ingestion.parsers.port import HeadingSpan, PageSpan, ParsedDocument
from tests.growth import grows_with_its_size

SENTENCE = "One two three four five six seven eight nine ten. "
SIZES = ChunkSizes(target=40, least=20, overlap=0)


class Words:
    """A token is a word or a mark; counts how much text it was asked to read."""

    def __init__(self, max_tokens: int = 60) -> None:
        self.max_tokens = max_tokens
        self.characters = 0

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        self.characters += len(text)
        return [found.span() for found in re.finditer(r"\w+|[^\w\s]", text)]


def parsed(text: str, **parts) -> ParsedDocument:
    shape = {"title": None, "pages": (), "headings": (), "tables": ()} | parts
    return ParsedDocument(text=text, media_type="text/plain", metadata={}, warnings=(), **shape)


def with_headings(text: str, **parts) -> ParsedDocument:
    found = re.finditer(r"^(#+) (.*)$", text, re.MULTILINE)
    headings = tuple(HeadingSpan(len(one[1]), one.start(), one.end(), one[2]) for one in found)
    return parsed(text, headings=headings, **parts)


def split(document: ParsedDocument, sizes: ChunkSizes = SIZES) -> list[ChunkSpan]:
    return StructureChunker(Words(), sizes).split(document)


def texts(document: ParsedDocument, sizes: ChunkSizes = SIZES) -> list[str]:
    return [document.text[chunk.start : chunk.end] for chunk in split(document, sizes)]


def table(rows: int) -> str:
    return "\n".join(["| Quarter | Sales |", "|---|---|", *(f"| Q{row} | {row} |" for row in range(rows))])


def test_short_paragraphs_share_a_chunk_and_long_ones_end_at_a_sentence():
    document = parsed("Short one.\n\nShort two.\n\n" + SENTENCE * 6)
    pieces = texts(document)
    assert pieces[0].startswith("Short one.\n\nShort two.\n\nOne two")
    assert all(piece.endswith("ten.") for piece in pieces)


def test_a_title_at_the_beginning_takes_no_room_from_the_first_chunk():
    title = "A title of twelve words that would push two sentences out"
    bare, titled = SENTENCE * 7, f"\n{title}\n\n{SENTENCE * 7}"
    pieces = texts(parsed(titled, title=title))
    assert pieces[0].startswith(title)
    assert [piece.removeprefix(title).strip() for piece in pieces] == texts(parsed(bare, title=title))
    assert texts(parsed(titled, title="Another")) != pieces


def test_a_paragraph_end_is_a_better_place_than_a_later_sentence_end():
    document = parsed(SENTENCE * 2 + "\n\n" + SENTENCE * 4)
    assert texts(document)[0] == (SENTENCE * 2).strip()


def test_sections_begin_chunks_that_know_where_they_stand():
    document = with_headings(f"# Guide\n\n{SENTENCE * 2}\n\n## Setup\n\n{SENTENCE * 2}\n\n# Other\n\n{SENTENCE * 2}")
    assert [chunk.headings for chunk in split(document)] == [("Guide",), ("Guide", "Setup"), ("Other",)]
    assert [piece.split("\n")[0] for piece in texts(document)] == ["# Guide", "## Setup", "# Other"]


def test_tiny_sections_are_kept_together():
    document = with_headings("# A\n\nShort.\n\n# B\n\nShort.\n\n# C\n\nShort.")
    assert len(split(document)) == 1


def test_a_heading_is_not_left_behind_at_the_end_of_a_chunk():
    document = with_headings(f"{SENTENCE * 3}\n\n## Sub\n\n### Deep\n\n{SENTENCE * 3}")
    assert [piece.rstrip().endswith("ten.") for piece in texts(document)] == [True, True]


def test_a_table_that_fits_the_model_stays_whole():
    rows = table(6)
    document = parsed(
        f"{SENTENCE}\n\n{rows}\n\n{SENTENCE}", tables=((len(SENTENCE) + 2, len(SENTENCE) + 2 + len(rows)),)
    )
    assert any(rows in piece for piece in texts(document))


def test_a_longer_table_is_divided_by_rows_under_its_header():
    rows = table(60)
    document = with_headings(f"# Results\n\n{rows}", tables=((11, 11 + len(rows)),))
    chunks = split(document)
    assert len(chunks) > 3
    assert all(document.text[chunk.start] == "|" for chunk in chunks[1:])
    assert chunks[0].headings == ("Results",)
    assert {chunk.headings for chunk in chunks[1:]} == {("Results", "Quarter | Sales")}


def test_a_sentence_over_a_page_break_is_not_cut():
    first, second = SENTENCE * 2 + "this goes", "on over here. " + SENTENCE * 3
    text = f"{first}\n\n{second}"
    pages = (PageSpan(1, 0, len(first)), PageSpan(2, len(first) + 2, len(text)))
    document = parsed(text, pages=pages)
    assert any("goes\n\non over here." in piece for piece in texts(document))
    whole = StructureChunker(Words(), ChunkSizes(target=60, least=50)).split(document)
    assert [(chunk.page, chunk.page_end) for chunk in whole] == [(1, 2), (2, 2)]


def test_a_document_without_pages_has_no_page_numbers():
    assert split(parsed("Text."))[0].page is None


def test_overlap_repeats_whole_sentences_up_to_its_size():
    document = parsed("".join(f"Sentence number {number} has exactly seven. " for number in range(30)))
    chunks = split(document, ChunkSizes(target=40, least=20, overlap=10))
    shared = [document.text[after.start : before.end] for before, after in itertools.pairwise(chunks)]
    assert all(re.fullmatch(r"Sentence number \d+ has exactly seven\.", piece) for piece in shared)


def test_the_prefix_takes_its_room_from_the_text():
    document = parsed(SENTENCE * 20, title="a b c d e f g h i j k l m n o p q r s t")
    assert max(chunk.tokens for chunk in split(document, ChunkSizes(target=60, least=30))) <= 40


@pytest.mark.parametrize("unit", [SENTENCE, "a\n", "x", "1,2 ", "語。", "| a |\n", "\n\n"])
def test_work_grows_with_the_text_only(unit: str):
    def made(size: int) -> ParsedDocument:
        return parsed(unit * (size // len(unit)))

    assert grows_with_its_size(split, made, 40_000)
    counter, document = Words(), made(60_000)
    StructureChunker(counter, SIZES).split(document)
    assert counter.characters < 8 * len(document.text)
