"""What every chunker promises, over made-up and random documents and two ways of counting tokens."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkeeper.ingestion.chunkers.port import Chunker, TokenCounter, indexed_text
from ragkeeper.ingestion.chunkers.structure import ChunkSizes, StructureChunker
from ragkeeper.ingestion.parsers.port import HeadingSpan, PageSpan, ParsedDocument


class WordPieces:
    """Counts as the shipped model does: white space and marks divide, long words cost more, endless ones one."""

    max_tokens = 40

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        offsets: list[tuple[int, int]] = []
        for word in re.finditer(r"[^\W_]+|[^\w\s]|_", text):
            step = 4 if len(word.group()) <= 100 else len(word.group())
            offsets.extend((at, min(at + step, word.end())) for at in range(word.start(), word.end(), step))
        return offsets


class Characters:
    """Counts as a byte or character model does."""

    max_tokens = 24

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        return [(at, at + 1) for at, character in enumerate(text) if not character.isspace()]


COUNTERS = [WordPieces(), Characters()]
SIZES = [ChunkSizes(), ChunkSizes(target=20, least=8, overlap=0), ChunkSizes(target=24, least=10, overlap=6)]


@pytest.fixture(
    params=list(itertools.product(COUNTERS, SIZES)), ids=lambda one: f"{type(one[0]).__name__}-{one[1].target}"
)
def made(request) -> tuple[Chunker, TokenCounter]:
    counter, sizes = request.param
    return StructureChunker(counter, sizes), counter


def document(text: str, **parts) -> ParsedDocument:
    shape = {"title": None, "pages": (), "headings": (), "tables": ()} | parts
    return ParsedDocument(text=text, media_type="text/plain", metadata={}, warnings=(), **shape)


WORDS = st.sampled_from(
    [
        "a",
        "Long",
        "sentences.",
        "end!",
        "\n",
        "\n\n",
        "\f",
        "日本語。",
        "x" * 130,
        "1,234.5",
        "| a | b |\n",
        "é",
        "\u200b",
        "\x00",
    ]
)
TEXTS = st.lists(st.tuples(WORDS, st.sampled_from(["", " ", "  ", "\u00a0"])), max_size=80).map(
    lambda parts: "".join(itertools.chain.from_iterable(parts))
)


@st.composite
def documents(draw) -> ParsedDocument:
    text = draw(TEXTS)
    places = st.integers(0, len(text))
    spans = sorted((min(pair), max(pair)) for pair in draw(st.lists(st.tuples(places, places), max_size=4)))
    headings = tuple(
        HeadingSpan(draw(st.integers(1, 3)), start, end, text[start:end][:20]) for start, end in spans[::2]
    )
    breaks = [0, *sorted(set(draw(st.lists(places, max_size=3))) - {0, len(text)}), len(text)]
    pages = tuple(PageSpan(number, *span) for number, span in enumerate(itertools.pairwise(breaks), 1))
    title = draw(st.sampled_from([None, "A title"]))
    return document(text, title=title, headings=headings, tables=tuple(spans[1::2]), pages=pages)


@pytest.mark.parametrize("counter", COUNTERS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@settings(max_examples=50)
@given(given_document=documents())
def test_every_promise_holds_for_any_document(counter: TokenCounter, sizes: ChunkSizes, given_document: ParsedDocument):
    text = given_document.text
    chunks = StructureChunker(counter, sizes).split(given_document)
    covered = {at for chunk in chunks for at in range(chunk.start, chunk.end)}
    assert {at for at, character in enumerate(text) if not character.isspace()} <= covered
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    for chunk in chunks:
        piece = text[chunk.start : chunk.end]
        assert piece == piece.strip() != ""
        assert chunk.tokens <= counter.max_tokens
        assert chunk.tokens == len(counter.token_offsets(piece))
    for before, after in itertools.pairwise(chunks):
        assert before.start < after.start
        assert before.end < after.end
        repeated = len(counter.token_offsets(text[after.start : before.end])) if after.start < before.end else 0
        assert repeated <= sizes.overlap
    assert chunks == StructureChunker(counter, sizes).split(given_document)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@settings(max_examples=50)
@given(given_document=documents())
def test_what_is_embedded_fits_the_model(sizes: ChunkSizes, given_document: ParsedDocument):
    counter = WordPieces()
    counter.max_tokens = 90
    for chunk in StructureChunker(counter, sizes).split(given_document):
        piece = given_document.text[chunk.start : chunk.end]
        embedded = indexed_text(given_document.title, chunk.headings, piece)
        assert len(counter.token_offsets(embedded)) <= counter.max_tokens


def test_nothing_comes_of_nothing(made: tuple[Chunker, TokenCounter]):
    chunker, _ = made
    assert chunker.split(document("")) == []
    assert chunker.split(document(" \n\n\t\u00a0 ")) == []


@pytest.mark.parametrize("text", ["x" * 100_000, "xy " * 20_000, "語" * 20_000, "a" + " " * 100_000 + "b"])
def test_endless_text_is_divided(made: tuple[Chunker, TokenCounter], text: str):
    chunker, counter = made
    chunks = chunker.split(document(text))
    assert sum(chunk.end - chunk.start for chunk in chunks) >= len(text.replace(" ", ""))
    assert max(chunk.end - chunk.start for chunk in chunks) <= 5000
    assert max(chunk.tokens for chunk in chunks) <= counter.max_tokens
