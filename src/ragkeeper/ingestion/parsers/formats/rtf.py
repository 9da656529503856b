"""RTF brought to a form that kreuzberg reads right: bytes in the fonts' own encodings become Unicode escapes.

Control words and their meaning are those of Microsoft's Rich Text Format specification, version 1.9.1.
"""

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    rb"(?P<bin>\\bin(?P<size>[0-9]{1,9}) ?)|\\(?P<word>[a-z]+)(?P<value>-?[0-9]{1,9})? ?"
    rb"|(?P<bytes>(?:\\'[0-9a-fA-F]{2})+)"
    rb"|(?P<symbol>\\[^a-z])|(?P<brace>[{}])",
)
_HEXADECIMAL = re.compile(rb"\\'([0-9a-fA-F]{2})")
# \\fcharset of a font, as a Windows code page.
_CHARSETS = {
    128: "cp932", 129: "cp949", 134: "cp936", 136: "cp950", 161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255",
    178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
# What kreuzberg leaves as it stands: a space and a hyphen at which no line breaks.
_SYMBOLS = {b"\\~": b" ", b"\\_": b"-"}


def with_unicode(data: bytes) -> bytes:
    """Return the same document with each run of bytes in a foreign font written as Unicode."""
    fonts = _fonts(data)
    return b"".join(_rewritten(data, fonts))


def _fonts(data: bytes) -> dict[int, str]:
    """Encoding by font number, of fonts whose encoding is not the document's own."""
    table = re.compile(rb"\\f([0-9]{1,5})(?:\\[a-z]+-?[0-9]* ?|\\\*|[{}\s]|[0-9a-fA-F]{20})*?\\fcharset([0-9]{1,3})")
    found = ((int(font), _CHARSETS.get(int(charset))) for font, charset in table.findall(data[:1_000_000]))
    return {font: charset for font, charset in found if charset}


def _rewritten(data: bytes, fonts: dict[int, str]) -> Iterator[bytes]:
    font, outer = -1, list[int]()
    place = 0
    while match := _TOKEN.search(data, place):
        yield data[place : match.start()]
        place = match.end()
        token = match.group()
        if match["bin"]:
            place = min(place + int(match["size"]), len(data))
            token = data[match.start() : place]
        elif match["word"] == b"f" and match["value"]:
            font = int(match["value"])
        elif match["brace"] == b"{":
            outer.append(font)
        elif match["brace"]:
            font = outer.pop() if outer else -1
        elif match["bytes"]:
            token = _as_unicode(token, fonts.get(font))
        yield _SYMBOLS.get(token, token)
    yield data[place:]


def _as_unicode(escapes: bytes, encoding: str | None) -> bytes:
    if encoding is None:
        return escapes
    raw = bytes(int(pair, 16) for pair in _HEXADECIMAL.findall(escapes))
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return escapes
    units = text.encode("utf-16-le")
    numbers = (int.from_bytes(units[at : at + 2], "little", signed=True) for at in range(0, len(units), 2))
    return b"{\\uc0" + b"".join(b"\\u%d " % number for number in numbers) + b"}"


def plain_title(title: str, data: bytes) -> str:
    """A title from the information group, whose bytes kreuzberg leaves as escapes."""
    page = re.search(rb"\\ansicpg([0-9]{3,5})", data[:4096])
    encoding = f"cp{page.group(1).decode()}" if page else "cp1252"
    try:
        return re.sub(r"(?:\\'[0-9a-fA-F]{2})+", lambda run: _decoded(run.group(), encoding), title)
    except (LookupError, UnicodeDecodeError):
        return title


def _decoded(escapes: str, encoding: str) -> str:
    return bytes(int(pair, 16) for pair in re.findall(r"\\'(..)", escapes)).decode(encoding)
