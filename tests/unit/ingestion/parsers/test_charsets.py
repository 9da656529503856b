"""Encodings are told apart by what they make of the bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkeeper.ingestion.parsers import charsets

TEXTS = {
    "shift_jis": "これは日本語のテキストです。東京の天気は晴れです。",
    "euc_jp": "これは日本語のテキストです。東京の天気は晴れです。",
    "gb18030": "这是一个中文文本测试。我们在北京。",
    "big5": "這是一個中文文本測試。我們在臺北。",
    "euc_kr": "이것은 한국어 텍스트입니다. 서울은 오늘 맑습니다.",
    "cp1251": "Это русский текст для проверки кодировки. Москва, 2024 год.",
    "koi8_r": "Это русский текст для проверки кодировки. Москва, 2024 год.",
    "cp1252": "Größe, naïve Cafés und Öl: \u201e5 €\u201c",
    "latin-1": "El niño comió piñas en España; ¿qué año?",
    "cp1250": "Příliš žluťoučký kůň úpěl ďábelské ódy",
    "cp1253": "Αυτό είναι ένα ελληνικό κείμενο",
    "cp1255": "זהו טקסט בעברית לבדיקה",
    "cp1256": "هذا نص عربي للاختبار",
    "cp500": "The quick brown fox jumps over the lazy dog and on",
    "utf-16-le": "plain text without a mark",
    "utf-16-be": "plain text without a mark",
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_encodings_are_found_without_a_mark(encoding: str):
    decoded = charsets.decode(TEXTS[encoding].encode(encoding))
    assert decoded.text == TEXTS[encoding]
    assert decoded.guessed
    assert decoded.plausible


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), min_size=1))
def test_utf_8_is_always_read_as_written(text: str):
    decoded = charsets.decode(text.encode())
    assert (decoded.text, decoded.replaced) == (text, 0)


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\ufeff\0")),
    st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]),
)
def test_marks_decide(text: str, encoding: str):
    decoded = charsets.decode(text.encode(encoding))
    assert decoded.text == text
    assert not decoded.guessed


def test_a_declared_encoding_is_believed_when_it_fits():
    text = "Příliš žluťoučký kůň"
    assert charsets.decode(text.encode("iso8859_2"), "iso-8859-2").text == text
    assert charsets.decode(text.encode(), "iso-8859-2").text == text
    assert charsets.decode("naïve Cafés".encode("cp1252"), "rot13").text == "naïve Cafés"
    assert charsets.declared_encoding(b'<html><meta charset="shift_jis">') == "shift_jis"


def test_one_bad_byte_in_a_long_text_is_shown_as_such():
    decoded = charsets.decode("ä".encode() * 2000 + b"\xff")
    assert (decoded.encoding, decoded.replaced) == ("utf-8", 1)


@settings(max_examples=30)
@given(st.binary(min_size=500, max_size=1000))
def test_any_bytes_decode(data: bytes):
    assert isinstance(charsets.decode(data).text, str)
