"""Text that is readable as it stands and kept so: plain, Markdown, reStructuredText, Org, AsciiDoc, subtitles."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from ragkeeper.ingestion.parsers import sniff
from ragkeeper.ingestion.parsers.builder import DocumentBuilder, clean
from ragkeeper.ingestion.parsers.port import ParsedDocument

Found = Iterator[tuple[int, int, int, str]]
"""headings as level, start, end, title"""

_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
_ATX = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_SETEXT = re.compile(r"^ {0,3}(=+|-{2,})[ \t]*$")
_STARS = re.compile(r"^(\*{1,6})[ \t]+(?:TODO |DONE )?(.*?)[ \t]*$")
_EQUALS = re.compile(r"^(={1,6})[ \t]+(.*?)[ \t]*=*$")
_UNDERLINE = re.compile(r"^([=\-~^\"'`#*+.:_])\1{2,}[ \t]*$")
_TABLE_LINE = re.compile(r"^\s*\|.*\|\s*$")
_CUE_TIME = re.compile(r"^\s*(?:\d+:)?\d+:\d+[.,]\d+\s*-->")
_CUE_TAG = re.compile(r"</?(?:v|c|i|b|u|ruby|rt|lang|\d)[^>]*>", re.IGNORECASE)
_TITLE_LENGTH = 200


def read(text: str, media_type: str) -> ParsedDocument:
    """Return the text as it is, with its headings and pipe tables marked."""
    builder = DocumentBuilder(media_type)
    body = clean(_spoken(text) if media_type == sniff.VTT else text).strip()
    builder.add_clean(body)
    lines = body.split("\n")
    finder = _FINDERS.get(media_type)
    for level, start, end, title in finder(lines) if finder else ():
        builder.mark_heading(level, start, end, title)
        builder.title = builder.title or title
    document = builder.build()
    return document if media_type == sniff.PLAIN else replace(document, tables=tuple(_tables(lines)))


def _tables(lines: list[str]) -> Iterator[tuple[int, int]]:
    start, count, position = 0, 0, 0
    for line in [*lines, ""]:
        if _TABLE_LINE.match(line):
            start, count = (start, count + 1) if count else (position, 1)
        else:
            if count > 1:
                yield start, position - 1
            count = 0
        position += len(line) + 1


def _markdown(lines: list[str]) -> Found:
    position, fence, previous, before = 0, "", "", 0
    front = _front_matter(lines)
    for place, line in enumerate(lines):
        if place < front:
            position += len(line) + 1
            continue
        mark = _FENCE.match(line)
        if mark and (not fence or mark.group(1).startswith(fence)):
            fence = "" if fence else mark.group(1)[:3]
        elif not fence:
            atx, setext = _ATX.match(line), _SETEXT.match(line)
            if atx and atx.group(2):
                yield len(atx.group(1)), position, position + len(line), atx.group(2)
            elif setext and _can_be_title(previous):
                yield 1 if setext.group(1)[0] == "=" else 2, before, before + len(previous), previous.strip()
        previous, before = ("" if fence else line), position
        position += len(line) + 1


def _front_matter(lines: list[str]) -> int:
    """Lines of the metadata block between two rules at the top; 0 when there is none."""
    if not lines or lines[0].rstrip() != "---":
        return 0
    return next((place + 1 for place, line in enumerate(lines[1:200], 1) if line.rstrip() in ("---", "...")), 0)


def _can_be_title(line: str) -> bool:
    bare = line.strip()
    return bool(bare) and len(bare) <= _TITLE_LENGTH and bare[0] not in "|>-*+#" and not _UNDERLINE.match(bare)


def _prefixed(pattern: re.Pattern[str]) -> Callable[[list[str]], Found]:
    def find(lines: list[str]) -> Found:
        position = 0
        for line in lines:
            match = pattern.match(line)
            if match and match.group(2) and len(match.group(2)) <= _TITLE_LENGTH:
                yield len(match.group(1)), position, position + len(line), match.group(2)
            position += len(line) + 1

    return find


def _underlined(lines: list[str]) -> Found:
    """reStructuredText: the level of an underline character is the order of its first use."""
    levels: dict[str, int] = {}
    position, previous, before = 0, "", 0
    for line in lines:
        mark = _UNDERLINE.match(line)
        if mark and _is_rst_title(previous, line):
            level = levels.setdefault(mark.group(1), len(levels) + 1)
            yield level, before, before + len(previous), previous.strip()
        previous, before = line, position
        position += len(line) + 1


def _is_rst_title(line: str, underline: str) -> bool:
    bare = line.strip()
    return bool(bare) and not _UNDERLINE.match(line) and len(underline.rstrip()) >= len(line.rstrip()) * 0.9


_FINDERS: dict[str, Callable[[list[str]], Found]] = {
    sniff.MARKDOWN: _markdown,
    sniff.ORG: _prefixed(_STARS),
    sniff.ASCIIDOC: _prefixed(_EQUALS),
    sniff.RST: _underlined,
}


def _spoken(text: str) -> str:
    """Return what subtitles say, without their times, numbers, notes and tags."""
    said: list[str] = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        lines = block.split("\n")
        times = next((index for index, line in enumerate(lines) if _CUE_TIME.match(line)), None)
        if times is not None:
            said.extend(_CUE_TAG.sub("", line) for line in lines[times + 1 :] if line.strip())
    return "\n".join(said)
