"""RTF in encodings of its fonts."""

import pytest

from ragkeeper.ingestion.parsers import reader
from ragkeeper.ingestion.parsers.formats import rtf
from ragkeeper.ingestion.parsers.port import ParseOptions

HEAD = (
    rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fswiss\fcharset0 Arial;}{\f1\froman\fprq2{\*\panose "
    rb"02020603050405020304}\fcharset204 Times;}{\f2\fcharset128 Mincho;}{\f3\fcharset238 CE;}}"
)


def escaped(text: str, encoding: str) -> bytes:
    return b"".join(b"\\'%02x" % byte for byte in text.encode(encoding))


@pytest.mark.parametrize(
    ("font", "encoding", "words"),
    [
        (0, "cp1252", "Größe"),
        (1, "cp1251", "Уважаемый клиент"),
        (2, "cp932", "東京の天気"),
        (3, "cp1250", "Łódź"),
    ],
)
def test_bytes_are_read_in_the_encoding_of_their_font(font: int, encoding: str, words: str):
    data = HEAD + rb"\pard First {\f%d " % font + escaped(words, encoding) + rb"} \'e4 last.\par}"
    document = reader.read(data, "letter.rtf", ParseOptions())
    assert document.text == f"First {words} ä last."


def test_unbreakable_spaces_and_hyphens_are_words_own():
    data = HEAD + rb"\pard 5\~km, e\_mail\par}"
    assert reader.read(data, "letter.rtf", ParseOptions()).text == "5 km, e-mail"


def test_titles_lose_their_escapes():
    data = rb"{\rtf1\ansi\ansicpg932{\info{\title \'83\'5e\'83\'43\'83\'67\'83\'8b}}\pard Words\par}"
    assert reader.read(data, "letter.rtf", ParseOptions()).title == "タイトル"


@pytest.mark.parametrize(
    "data",
    [
        rb"{\rtf1\bin5 \f1\'}}{\b end}",
        rb"{\rtf1}}}}}\'zz\'e",
        rb"{\rtf1\bin999999999 x",
        rb"{\rtf1{\fonttbl{\f1\fcharset204 A;}}\f1\'d3 }",
    ],
)
def test_what_is_not_in_a_foreign_font_stays_as_it_was(data: bytes):
    foreign = data.replace(rb"\'d3", b"{\\uc0\\u1059 }")
    assert rtf.with_unicode(data) == foreign
