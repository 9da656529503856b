"""Markdown that kreuzberg made, as text for people: link targets, pictures and escapes go, structure stays."""

import re

from ragkeeper.ingestion.parsers.builder import DocumentBuilder, clean

_FRONT_LINE = re.compile(r"^(?:## )?[\w:.-]+: ?")
_PICTURE = re.compile(r"!\[((?:[^\]\n]|\](?!\()){0,300})\]\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)")
_LINK = re.compile(r"\[((?:[^\[\]\n]|\[[^\[\]\n]*\])*)\]\((?:[^()\n]|\([^()\n]*\))*\)")
_EMPHASIS = re.compile(r"(\*\*|\*|~~)(?=\S)([^*~\n]+?)(?<=\S)\1")
# Word's runs of bold and italic words come out with their spaces inside the marks, one run after the other.
_RUNS = re.compile(r"(?:^|(?<=\s))(?:(\*{1,3})(?=[^*\s])[^*\n]+\1)+(?:(?<=\*\*)|(?!\w))", re.MULTILINE)
_RUN = re.compile(r"(\*{1,3})([^*]+)\1")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!<>|~$&])")
_BREAK = re.compile(r"<br ?/?>", re.IGNORECASE)
_HEADING = re.compile(r"^(#{1,6}) +(.+?) *#*$")
_CELLS = re.compile(r"(?<!\\)\|")
_DIVIDER = re.compile(r"^\|?[\s:|-]+\|?$")
_RULE = re.compile(r"^(?:-{3,}|\*{3,}|_{3,})$")


def add(builder: DocumentBuilder, content: str) -> None:
    """Add the blocks of Markdown `content` to `builder`."""
    for block in _without_front_matter(clean(content)).split("\n\n"):
        _add_block(builder, block)


def _without_front_matter(content: str) -> str:
    """Drop the metadata kreuzberg writes before a web page; its closing rule has made a heading of the last entry."""
    lines = content.split("\n")
    if lines[0] != "---":
        return content
    for place, line in enumerate(lines[1:], 1):
        if line == "---" or line.startswith("## "):
            return "\n".join(lines[place + 1 :])
        if line and not _FRONT_LINE.match(line):
            return "\n".join(lines[1:])
    return content


def _add_block(builder: DocumentBuilder, block: str) -> None:
    prose: list[str] = []
    table: list[list[str]] = []
    for line in block.split("\n"):
        heading = _HEADING.match(line)
        if heading or not line.startswith("|"):
            _flush_table(builder, table)
        if heading:
            _flush_prose(builder, prose)
            builder.add_heading(len(heading.group(1)), _inline(heading.group(2)))
        elif line.startswith("|"):
            _flush_prose(builder, prose)
            table.append(_cells(line))
        elif not _RULE.match(line.strip()):
            prose.append(_inline(line))
    _flush_table(builder, table)
    _flush_prose(builder, prose)


def _flush_prose(builder: DocumentBuilder, prose: list[str]) -> None:
    builder.add("\n".join(line for line in prose if line.strip() and line.strip() not in ("-", "#")))
    prose.clear()


def _flush_table(builder: DocumentBuilder, table: list[list[str]]) -> None:
    builder.add_table(row for row in table if row)
    table.clear()


def _cells(line: str) -> list[str]:
    if _DIVIDER.match(line):
        return []
    return [_inline(cell.replace("\\|", "|")) for cell in _CELLS.split(line.strip())[1:-1]]


def without_marks(text: str) -> str:
    """Return words that came as Markdown inside something else, such as the cell of a table."""
    words = _LINK.sub(r"\1", _PICTURE.sub(r"\1", text))
    return _RUNS.sub(lambda runs: _RUN.sub(r"\2", runs.group()), words)


def _inline(text: str) -> str:
    text = _PICTURE.sub(r"\1", text)
    text = _LINK.sub(r"\1", text)
    text = _EMPHASIS.sub(r"\2", _EMPHASIS.sub(r"\2", text))
    return _ESCAPE.sub(r"\1", _BREAK.sub(" ", text))
