"""Text that stays as it is: headings and tables are found where they stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.ingestion.parsers import sniff
from ragkeeper.ingestion.parsers.formats import markup

KINDS = st.sampled_from([sniff.MARKDOWN, sniff.RST, sniff.ORG, sniff.ASCIIDOC, sniff.PLAIN, sniff.VTT])
MARKS = st.text(st.sampled_from("#=-~*| \n`ab.ä"), max_size=80)


@given(MARKS, KINDS)
def test_headings_stand_where_they_say(text: str, media_type: str):
    document = markup.read(text, media_type)
    for heading in document.headings:
        assert heading.title in document.text[heading.start : heading.end]
    for start, end in document.tables:
        assert document.text[start:end].strip().startswith("|")


@pytest.mark.parametrize(
    ("text", "media_type", "headings"),
    [
        ("# A\n\n```\n# no\n```\n\nB\n===\n\nC\n---\n", sniff.MARKDOWN, [(1, "A"), (1, "B"), (2, "C")]),
        ("---\ntitle: x\n---\n# A", sniff.MARKDOWN, [(1, "A")]),
        ("Top\n***\n\nwords\n\nSub\n---\n\nNext\n****\n", sniff.RST, [(1, "Top"), (2, "Sub"), (1, "Next")]),
        ("* A\n** B\nwords", sniff.ORG, [(1, "A"), (2, "B")]),
        ("= A\n\n== B\n", sniff.ASCIIDOC, [(1, "A"), (2, "B")]),
        ("# not a heading in plain text", sniff.PLAIN, []),
    ],
)
def test_headings_of_each_markup(text: str, media_type: str, headings: list[tuple[int, str]]):
    assert [(found.level, found.title) for found in markup.read(text, media_type).headings] == headings


def test_subtitles_keep_what_is_said():
    text = "WEBVTT\n\nNOTE hidden\n\n1\n00:01.000 --> 00:02.000\n<v Ann>Hello</v>\n\n00:03.000 --> 00:04.000\nWorld\n"
    assert markup.read(text, sniff.VTT).text == "Hello\nWorld"
