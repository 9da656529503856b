"""Bytes of text in whatever encoding to a string: byte order marks, UTF-16, UTF-8, then the likeliest of the rest."""

import bisect
import codecs
import re
import unicodedata
from dataclasses import dataclass, replace

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Order breaks ties: the first of equally plausible encodings wins.
_CANDIDATES = (
    "cp932",
    "euc_jp",
    "gb18030",
    "euc_kr",
    "big5",
    "cp1255",
    "cp1251",
    "koi8_r",
    "cp1252",
    "cp1250",
    "cp1253",
    "cp1256",
    "iso8859_15",
)
# First code point of each range and the script it holds; "other" scripts are rare enough to mark a wrong guess.
_SCRIPTS = (
    (0x0000, "latin"),
    (0x0250, "other"),
    (0x0370, "greek"),
    (0x0400, "cyrillic"),
    (0x0530, "other"),
    (0x0590, "hebrew"),
    (0x0600, "arabic"),
    (0x0700, "other"),
    (0x1E00, "latin"),
    (0x1F00, "greek"),
    (0x2000, "other"),
    (0x3001, "stop"),
    (0x3003, "other"),
    (0x3040, "kana"),
    (0x3100, "other"),
    (0x4E00, "han"),
    (0xA000, "other"),
    (0xAC00, "hangul"),
    (0xD7A4, "other"),
)
_SCRIPT_STARTS = [start for start, _ in _SCRIPTS]
_PUNCTUATION = frozenset("\u201c\u201d\u2018\u2019\u201a\u201e\u2013\u2014\u2026€£§°«»·•©®½¼¾¿¡\xa0™±²³µ¶")
_SAMPLE = 40_000
_JAPANESE = frozenset({"cp932", "euc_jp"})
_PLAUSIBLE = 0.6
_DAMAGED_SHARE = 0.001  # one bad byte in a thousand is damage, not another encoding
_DECLARED = re.compile(rb"""(?:charset\s*=\s*|encoding\s*=\s*)["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd]")


@dataclass(frozen=True, slots=True)
class Decoded:
    text: str
    encoding: str
    replaced: int
    """characters that had no meaning in the encoding and are U+FFFD now"""
    guessed: bool
    """nothing in the file says that this is the encoding"""
    plausible: bool = True
    """False when no known encoding makes words of the bytes"""


def decode(data: bytes, declared: str | None = None) -> Decoded:
    """Return the text of `data`; `declared` is an encoding that the file's format names."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decoded(data, encoding, guessed=False)
    wide = _wide_encoding(data)  # before UTF-8, to which the zeros of UTF-16 are valid too
    if wide:
        return _decoded(data, wide, guessed=True)
    try:
        return Decoded(data.decode(), "utf-8", 0, guessed=False)
    except UnicodeDecodeError:
        pass
    if declared and _is_known(declared) and _fits(data, declared):
        return _decoded(data, declared, guessed=False)
    if data.count(b"\0") == 0 and _broken_share(data) < _DAMAGED_SHARE:
        return _decoded(data, "utf-8", guessed=True)
    if _is_ebcdic(data):
        return _decoded(data, "cp500", guessed=True)
    score, encoding = _likeliest(data)
    guess = _decoded(data, encoding, guessed=True)
    return replace(guess, plausible=score >= _PLAUSIBLE and guess.replaced <= len(data) // 100)


def declared_encoding(head: bytes) -> str | None:
    """Return the encoding that an HTML or XML file names in its first bytes."""
    match = _DECLARED.search(head[:4096])
    return match.group(1).decode("ascii") if match else None


def looks_like_text(data: bytes) -> bool:
    """Whether a person could read this; pass the beginning of the file."""
    if not data:
        return False
    decoded = decode(data)
    text = decoded.text
    return decoded.plausible and len(_CONTROLS.findall(text)) <= len(text) // 100


def _decoded(data: bytes, encoding: str, *, guessed: bool) -> Decoded:
    text = data.decode(encoding, "replace")
    return Decoded(text, encoding, text.count("\ufffd"), guessed)


def _is_known(encoding: str) -> bool:
    try:
        return isinstance("".encode(encoding), bytes)
    except (LookupError, UnicodeError):  # unknown, or a codec that is no text encoding, such as zip and hex
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


def _is_ebcdic(data: bytes) -> bool:
    """Mainframe text: its space is 0x40, and ASCII's space does not occur."""
    sample = data[:_SAMPLE]
    return sample.count(0x40) > len(sample) // 12 and sample.count(0x20) <= len(sample) // 200


def _likeliest(data: bytes) -> tuple[float, str]:
    sample = data[:_SAMPLE]
    scores = [(_score(sample, name), -rank, name) for rank, name in enumerate(_CANDIDATES)]
    score, _, name = max(scores)
    return score, name


def _score(sample: bytes, encoding: str) -> float:
    """Mean plausibility of the characters beyond ASCII; 0 when the bytes cannot be this encoding."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return 0.0
    spaced = text.count(" ") > len(text) // 20
    beyond = 0
    total = 0.0
    before = " "
    for character in text:
        if character > "\x7f":
            beyond += 1
            total += _plausibility(character, before, spaced=spaced)
        before = character
    if encoding in _JAPANESE and not any(_script(character) == "kana" for character in text):
        return total / beyond * 0.7 if beyond else 1.0  # Japanese without kana is Chinese misread
    return total / beyond if beyond else 1.0


def _plausibility(character: str, before: str, *, spaced: bool) -> float:
    """How well a character beyond ASCII fits the one before it, 0 to 1; wrong guesses mix scripts within a word."""
    script = _script(character)
    if script in ("kana", "stop", "hangul"):
        return 1.0 if script != "hangul" or spaced else 0.6  # Korean has spaces between its words, Chinese has none
    if script == "han":
        return 0.9 if _is_common_han(character) else 0.3
    kind = unicodedata.category(character)
    if not kind.startswith("L"):
        return 0.8 if character in _PUNCTUATION else 0.0
    if script == "other" or (before.isalpha() and _script(before) != script):
        return 0.0
    if kind == "Lu":
        return 0.1 if before.islower() else 0.7
    return 0.8


def _script(character: str) -> str:
    return _SCRIPTS[bisect.bisect_right(_SCRIPT_STARTS, ord(character)) - 1][1]


def _is_common_han(character: str) -> bool:
    for encoding, lead in (("gb2312", 0xD7), ("shift_jis", 0x97), ("big5", 0xC6)):
        try:
            if character.encode(encoding)[0] <= lead:
                return True
        except UnicodeEncodeError:
            continue
    return False
