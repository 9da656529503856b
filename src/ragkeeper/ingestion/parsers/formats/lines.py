"""What the lines of a PDF page mean: which continue a sentence, which are headings, which repeat on every page."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

_NAMED = re.compile(
    r"(part|chapter|book|item|section|article|note|appendix|annex|schedule|exhibit)\s+(\d+[A-Za-z]?|[IVXLC]+|[A-Z])\b[\s.:\u2014\u2013-]*",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,3})\.?\s+(?=[^\W\d_])")
_TOP = frozenset({"part", "chapter", "book"})
_END = re.compile(r"[.!?:;]['\")\]\u201d\u2019]*$")
_DIGITS = re.compile(r"\d")
_BULLETS = frozenset("\u2022\u2013\u2014\u25aa\u2610\u2612-*·")
_TITLE_LENGTH = 120
_TITLE_WORDS = 12
_CAPITALS = 6
_WIDE_LINE = 40


def unwrap(page: str) -> str:
    """Join the lines of wrapped paragraphs, so that a quoted sentence reads as one; rows of tables stay lines."""
    lines = page.split("\n")
    wide = _wide(lines)
    joined: list[str] = []
    last = ""
    for line in lines:
        if joined and _continues(last, line, wide):
            joined[-1] = _join(joined[-1], line.lstrip())
        else:
            joined.append(line)
        last = line
    return "\n".join(joined)


def _wide(lines: Sequence[str]) -> int:
    """Characters from which on a line counts as full: most of the page's ninth decile."""
    lengths = sorted(len(line) for line in lines if line.strip())
    return max(_WIDE_LINE, int(lengths[len(lengths) * 9 // 10] * 0.7)) if lengths else _WIDE_LINE


def _continues(last: str, line: str, wide: int) -> bool:
    before, after = last.rstrip(), line.lstrip()
    if not before or not after or _is_row(before) or _is_row(after):
        return False
    if before.endswith("-") and len(before) >= _WIDE_LINE // 2 and after[0].islower():
        return True
    if len(before) < wide or _END.search(before):
        return False
    return after[0].islower() or (after[0] not in _BULLETS and not _is_title(after))


def _is_row(line: str) -> bool:
    """Numbers in a third of the words make it a row of a table."""
    words = line.split()
    return len(words) > 1 and 3 * sum(1 for word in words if _DIGITS.search(word)) > len(words)


def _join(first: str, second: str) -> str:
    if first.endswith("-") and len(first) > 1 and first[-2].islower() and second[0].islower():
        return first[:-1] + second
    return f"{first.rstrip()} {second}"


def running_lines(pages: Sequence[str]) -> frozenset[str]:
    """Return lines, without digits, on more than 3 pages and a fifth of all: headers, footers, heads of tables."""
    seen: Counter[str] = Counter()
    for page in pages:
        seen.update({_DIGITS.sub("", line).strip() for line in page.split("\n")})
    return frozenset(line for line, count in seen.items() if count > max(3, len(pages) / 5))


def headings(page: str, running: frozenset[str]) -> Iterator[tuple[int, int, int, str]]:
    """Yield level, start, end, title of the page's headings."""
    position = 0
    lines = page.split("\n")
    for place, line in enumerate(lines):
        title = line.strip()
        if title and _is_title(title) and _DIGITS.sub("", title).strip() not in running:
            follows = next((after.strip() for after in lines[place + 1 :] if after.strip()), "")
            if follows and not _is_listing(title, follows):
                start = position + line.index(title[0])
                yield level(title), start, start + len(title), title
        position += len(line) + 1


def _is_listing(title: str, follows: str) -> bool:
    """A line of a table of contents: it, or the next of its kind, ends in a page number."""
    return bool(re.search(r"[\s.]\d{1,4}$", title)) or (_is_title(follows) and bool(re.search(r"\s\d{1,4}$", follows)))


def level(title: str) -> int:
    named = _NAMED.match(title)
    if named:
        return 1 if named.group(1).lower() in _TOP else 2
    numbered = _NUMBERED.match(title)
    return 2 + numbered.group(1).count(".") if numbered else 3


def _is_title(line: str) -> bool:
    if len(line) > _TITLE_LENGTH or line[-1] in ".,;:" or _is_row(line):
        return _is_named_title(line)
    if _is_named_title(line) or _is_numbered_title(line):
        return True
    letters = [character for character in line if character.isalpha()]
    return len(letters) >= _CAPITALS and " " in line and all(letter.isupper() for letter in letters)


def _is_named_title(line: str) -> bool:
    named = _NAMED.match(line)
    if named is None or len(line) > _TITLE_LENGTH or not line[0].isupper():
        return False
    rest = line[named.end() :]
    return (not rest or not rest[0].islower()) and not line.endswith((",", ";"))


def _is_numbered_title(line: str) -> bool:
    numbered = _NUMBERED.match(line)
    if numbered is None:
        return False
    rest = line[numbered.end() :]
    return rest[0].isupper() and len(rest.split()) <= _TITLE_WORDS
