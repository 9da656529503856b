"""Bytes of text in whatever encoding to a string: byte order marks, then UTF-8, then UTF-16, then the likeliest of the rest."""

import codecs
import re
import unicodedata
from dataclasses import dataclass

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Order breaks ties: the first of equally plausible encodings wins.
_CANDIDATES = ("cp932", "euc_jp", "gb18030", "euc_kr", "big5", "cp1251", "koi8_r", "cp1252", "cp1250", "cp1253",
               "cp1255", "cp1256", "iso8859_15", "mac_roman")  # fmt: skip
_SAMPLE = 40_000
_DECLARED = re.compile(rb"""(?:charset\s*=\s*|encoding\s*=\s*)["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.I)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd]")


@dataclass(frozen=True, slots=True)
class Decoded:
    text: str
    encoding: str
    replaced: int
    """characters that had no meaning in the encoding and are U+FFFD now"""
    guessed: bool
    """nothing in the file says that this is the encoding"""


def decode(data: bytes, declared: str | None = None) -> Decoded:
    """Return the text of `data`; `declared` is an encoding that the file's format names."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decoded(data, encoding, guessed=False)
    try:
        return Decoded(data.decode(), "utf-8", 0, guessed=False)
    except UnicodeDecodeError:
        pass
    wide = _wide_encoding(data)
    if wide:
        return _decoded(data, wide, guessed=True)
    if declared and _is_known(declared) and _fits(data, declared):
        return _decoded(data, declared, guessed=False)
    if data.count(b"\0") == 0 and _broken_share(data) < 0.001:  # noqa: PLR2004  one bad byte in a thousand is damage
        return _decoded(data, "utf-8", guessed=True)
    return _decoded(data, _likeliest(data), guessed=True)


def declared_encoding(head: bytes) -> str | None:
    """Return the encoding that an HTML or XML file names in its first bytes."""
    match = _DECLARED.search(head[:4096])
    return match.group(1).decode("ascii") if match else None


def looks_like_text(data: bytes) -> bool:
    """Whether a person could read this; pass the beginning of the file."""
    if not data:
        return False
    text = decode(data).text
    return len(_CONTROLS.findall(text)) <= len(text) // 100


def _decoded(data: bytes, encoding: str, *, guessed: bool) -> Decoded:
    text = data.decode(encoding, "replace")
    return Decoded(text, encoding, text.count("\ufffd"), guessed)


def _is_known(encoding: str) -> bool:
    try:
        return codecs.lookup(encoding)._is_text_encoding  # noqa: SLF001  the only way to tell text codecs from zip and hex
    except LookupError:
        return False


def _fits(data: bytes, encoding: str) -> bool:
    return data[:_SAMPLE].decode(encoding, "replace").count("\ufffd") <= 1 + len(data[:_SAMPLE]) // 200


def _broken_share(data: bytes) -> float:
    """Share of bytes that are not UTF-8, 1.0 when the text has no proper UTF-8 sequence at all."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    proper = sum(1 for character in text[:_SAMPLE] if character > "\x7f" and character != "\ufffd")
    return broken / len(data) if proper > broken else 1.0


def _wide_encoding(data: bytes) -> str | None:
    """UTF-16 without a mark shows zeros in every other byte of Latin text."""
    sample = data[:_SAMPLE]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = max(len(sample) // 2, 1)
    if odd > half * 0.4 and even < half * 0.1:
        return "utf-16-le"
    if even > half * 0.4 and odd < half * 0.1:
        return "utf-16-be"
    return None


def _likeliest(data: bytes) -> str:
    sample = data[:_SAMPLE]
    scored = [
        (score, -rank, name) for rank, name in enumerate(_CANDIDATES) if (score := _score(sample, name)) is not None
    ]
    return max(scored)[2] if scored else "cp1252"


def _score(sample: bytes, encoding: str) -> float | None:
    """Mean plausibility of the characters beyond ASCII; None when the bytes cannot be this encoding."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return None
    beyond = 0
    total = 0.0
    before = " "
    for character in text:
        if character > "\x7f":
            beyond += 1
            total += _plausibility(character, before)
        before = character
    return total / beyond if beyond else None


def _plausibility(character: str, before: str) -> float:
    point = ord(character)
    if 0x3040 <= point <= 0x30FF or 0xAC00 <= point <= 0xD7A3 or point in (0x3001, 0x3002):
        return 1.0
    if 0x4E00 <= point <= 0x9FFF:
        return 0.9 if _is_common_han(character) else 0.3
    kind = unicodedata.category(character)
    if kind == "Ll":
        return 0.75 if before.isalpha() or before.isspace() else 0.5
    if kind in ("Lo", "Lm"):
        return 0.7 if 0x590 <= point <= 0x6FF else 0.1  # half-width kana and rare scripts are the mark of a wrong guess
    if kind == "Lu":
        return 0.1 if before.islower() else 0.6
    return 0.5 if character in "“”‘’–—…€£§°«»·•©®×½¼¿¡\xa0„™" else 0.0


def _is_common_han(character: str) -> bool:
    for encoding, lead in (("gb2312", 0xD7), ("shift_jis", 0x97), ("big5", 0xC6)):
        try:
            if character.encode(encoding)[0] <= lead:
                return True
        except UnicodeEncodeError:
            continue
    return False
