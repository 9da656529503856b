import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkeeper.generation.citations import MarkerReader, cited_sentences, clean

KNOWN = frozenset({1, 2, 3})
# Text that is dense in brackets, digits, commas and spaces, as no model writes it.
PIECES = st.sampled_from(
    [
        "[",
        "[9",
        "9]",
        "[[",
        "]",
        "1",
        "2",
        "9",
        ",",
        " ",
        "-",
        "Source ",
        ".",
        "a",
        "[1]",
        " [7]",
        "\n",
        "word ",
        "【2】",
    ]
)
TEXTS = st.lists(PIECES, max_size=40).map("".join)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Fact [1].", "Fact [1]."),
        ("Fact [1][3].", "Fact [1][3]."),
        ("Fact [1, 2].", "Fact [1][2]."),
        ("Fact [1-3].", "Fact [1][2][3]."),
        ("Fact [^1].", "Fact [1]."),
        ("Fact [Source 2].", "Fact [2]."),
        ("Fact [passage 1; passage 3].", "Fact [1][3]."),
        ("Fact 【2】.", "Fact [2]."),
        ("Fact [9].", "Fact."),
        ("Fact [1][9].", "Fact [1]."),
        ("Fact [1, 9].", "Fact [1]."),
        ("Fact [2-9999].", "Fact [2]."),
        ("Fact [[1]].", "Fact [1]."),
        ("Fact [[9]9].", "Fact9]."),
        ("Fact [x [9]9].", "Fact (x9]."),
        ("He [sic] said [so.", "He [sic] said [so."),
        ("  \n Fact [1]. \n", "Fact [1]."),
        ("An [appendix that has a very long name, longer than any marker could ever be] here", None),
    ],
)
def test_markers_are_kept_only_where_they_name_a_passage(written: str, kept: str | None) -> None:
    assert clean(written, KNOWN) == (written if kept is None else kept)


@given(TEXTS, st.lists(st.integers(0, 200), max_size=12))
def test_where_the_stream_is_cut_does_not_matter(text: str, cuts: list[int]) -> None:
    bounds = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    reader = MarkerReader(KNOWN)
    pieces = [reader.feed(text[start:end]) for start, end in pairwise(bounds)]
    assert "".join(pieces) + reader.finish() == clean(text, KNOWN)


@settings(max_examples=300)
@given(TEXTS)
def test_a_citation_to_nothing_cannot_come_out(text: str) -> None:
    cleaned = clean(text, KNOWN)
    assert {int(number) for number in re.findall(r"\[\s*(\d{1,4})\s*\]", cleaned)} <= KNOWN


@given(TEXTS)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean(text, KNOWN)
    assert clean(once, KNOWN) == once


@given(TEXTS)
def test_markers_of_sentences_are_those_of_the_text(text: str) -> None:
    cleaned = clean(text, KNOWN)
    found = {marker for sentence in cited_sentences(cleaned) for marker in sentence.markers}
    assert found == {int(number) for number in re.findall(r"\[(\d{1,4})\]", cleaned)}


def test_text_is_shown_as_soon_as_it_is_certain() -> None:
    reader = MarkerReader(KNOWN)
    assert reader.feed("The sky is") == "The sky is"
    assert reader.feed(" blue [") == " blue"
    assert reader.feed("1") == ""
    assert reader.feed("].") == " [1]."


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One [1]. Two [2].", [("One.", (1,)), ("Two.", (2,))]),
        ("One. [1] Two. [2]", [("One.", (1,)), ("Two.", (2,))]),
        ("One.[1][2] Two.", [("One.", (1, 2)), ("Two.", ())]),
        ("One [1] and [1] again.", [("One and again.", (1,))]),
        ("", []),
    ],
)
def test_sentences_own_their_markers(text: str, sentences: list[tuple[str, tuple[int, ...]]]) -> None:
    assert [(found.claim, found.markers) for found in cited_sentences(text)] == sentences
