"""Spans are right by construction: whatever blocks are added, in whatever order."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkeeper.ingestion.parsers.builder import DocumentBuilder, clean, markdown_table
from ragkeeper.ingestion.parsers.frames import MalformedFrameError, describe, restore

WORDS = st.text(st.characters(codec="utf-8"), max_size=20)
BLOCKS = st.lists(
    st.one_of(
        st.tuples(st.just("text"), WORDS),
        st.tuples(st.just("heading"), WORDS),
        st.tuples(st.just("table"), st.lists(st.lists(WORDS, max_size=4), max_size=4)),
        st.tuples(st.just("page"), st.none()),
    ),
    max_size=12,
)


def build(blocks: list[tuple[str, object]]):
    builder = DocumentBuilder("text/plain")
    page = 0
    for kind, content in blocks:
        if kind == "page":
            page += 1
            builder.start_page(page)
        elif kind == "heading":
            builder.add_heading(page, content)
        elif kind == "table":
            builder.add_table(content)
        else:
            builder.add(content)
    return builder.build()


@settings(max_examples=50)
@given(BLOCKS)
def test_spans_lie_in_the_text_in_order_without_overlap(blocks: list[tuple[str, object]]):
    document = build(blocks)
    size = len(document.text)
    for spans in (document.pages, document.headings):
        assert all(0 <= span.start <= span.end <= size for span in spans)
        assert all(first.end <= second.start for first, second in itertools.pairwise(spans))
    for heading in document.headings:
        assert document.text[heading.start : heading.end] == heading.title
        assert 1 <= heading.level <= 6
    for first, second in itertools.pairwise(document.pages):
        assert document.text[first.end : second.start].strip() == ""


@given(BLOCKS)
def test_a_document_survives_the_way_to_the_parent(blocks: list[tuple[str, object]]):
    document = build(blocks)
    assert restore(describe(document), document.text.encode().decode()) == document


@given(BLOCKS, st.integers(1, 1000))
def test_spans_beyond_the_text_are_refused(blocks: list[tuple[str, object]], beyond: int):
    document = build([*blocks, ("page", None), ("text", "last words")])
    header = describe(document)
    header["pages"][-1][2] = len(document.text) + beyond
    with pytest.raises(MalformedFrameError):
        restore(header, document.text)


@given(WORDS)
def test_cleaning_twice_changes_nothing(text: str):
    assert clean(clean(text)) == clean(text)


def test_cleaning_leaves_words_for_people():
    assert clean("a\r\nb\x00\x07 \n\n\n\nﬁne\u00ad\u00a0day\u200b") == "a\nb\n\nfine day"
    assert clean("नि\u200dषेध") == "नि\u200dषेध"


def test_tables_lose_empty_rows_and_columns_and_keep_pipes():
    assert (
        markdown_table([["a", "b|c", ""], ["", "", ""], ["1", "2\n3", " "]])
        == "| a | b\\|c |\n| --- | --- |\n| 1 | 2 3 |"
    )
    assert markdown_table([["only"], ["one column"]]) == "only\none column"
    assert markdown_table([["", ""], []]) == ""
