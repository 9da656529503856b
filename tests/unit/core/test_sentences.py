# ruff: noqa: RUF001 -- marks of many scripts are the subject
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkeeper.core.sentences import LONGEST_SENTENCE, sentence_spans
from tests.growth import grows_with_its_size


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["Dr. Smith joined the U.S. Army.", "He paid $3.50 (see Fig. 3).", "Then he left!"],
        ["We lived in the U.S.", "The house was sold.", "J. R. Smith bought it."],
        ["Rates fell vs. last year, e.g. in Europe.", "“Really?” he said.", "“Yes.”", "She left."],
        ["Jones et al. 2019 agree.[3, 4]", "Others, cf. Sect. 2.1, do not.", "Is it so?", "No."],
        ["We thank E. I. du Pont and J.-P. Roux.", "It boiled for 1 h. in HR.", "Vitamin C was in TNF-α.", "Done."],
        ["It boiled for 1 h.", "Then came vitamin C.", "The rest followed."],
        ["it works.", "then it has run.", "ok."],
        ["The strain Vibrio spp. grew with E. coli var. communis at 37 °C.", "It ended at 5 p.m. on Dec. 24."],
        [
            "Am 3. Oktober fand z. B. die Feier statt.",
            "Der 2. Versuch gelang bzw. endete 1990.",
            "Prof. Dr. Müller kam.",
        ],
        ["Im 19. Jahrhundert war das usw. üblich.", "Die Gesellschaft m.b.H. zahlte 1.234,50 € an Hrn. Maier."],
        ["¿Qué es?", "El Sr. García vive en EE.UU. en los EE. UU. desde 1990.", "¡No lo sabe!"],
        ["今日は。", "明日は晴れ！", "「はい。」", "そう。"],
        ["यह एक वाक्य है।", "यह दूसरा है।"],
        ["ما هذا؟", "هذا كتاب."],
        ["Wait ... and see.", "It goes on… and on.", "Done?!", "Yes!"],
    ],
)
def test_sentences_end_where_a_reader_would_end_them(expected: list[str]):
    assert sentences(" ".join(expected)) == expected


def test_lines_that_are_items_headings_or_rows_stand_alone():
    text = "# Heading\nSome text\nover lines. More.\n- one\n- two\n1. First\n2. Second\n| a | b |\n| 1 | 2 |\n\nEnd"
    expected = "# Heading;Some text\nover lines.;More.;- one;- two;1. First;2. Second;| a | b |;| 1 | 2 |;End"
    assert sentences(text) == expected.split(";")


def test_text_without_marks_is_cut_at_words():
    found = sentences("word " * 1000)
    assert len(found) > 1
    assert max(map(len, found)) <= LONGEST_SENTENCE
    assert all(piece.startswith("word") and piece.endswith("word") for piece in found)


@settings(deadline=None)
@given(st.text(alphabet="aB1.!? \n\t。\f|#-*([\"’…)'\u00a0é", max_size=400))
def test_no_character_is_lost_and_spans_are_in_order(text: str):
    spans = sentence_spans(text)
    covered = {at for start, end in spans for at in range(start, end)}
    assert {at for at, character in enumerate(text) if not character.isspace()} <= covered
    assert all(start < end for start, end in spans)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    assert all(text[start:end] == text[start:end].strip() for start, end in spans)


@pytest.mark.parametrize("unit", [".", "! ", "!)", " ", "\n", "\n ", "a", ". ", "|a\n", "[1", ".[1 ", "\n-", "1. "])
def test_hostile_repetition_stays_linear(unit: str):
    assert grows_with_its_size(sentence_spans, lambda size: unit * (size // len(unit)) + "x", 100_000)
