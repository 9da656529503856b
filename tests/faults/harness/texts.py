"""Small files whose every copy of their text can be recognised: each carries a number nobody else's text has.

A content is made from the seed and its number alone. `key12` may be searched and asked for; `secret12first` and
`secret12last` stand only in the text, at its beginning and its end: where one of them turns up, that text was shown,
and where one is missing, half of the text is.
"""

import hashlib
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from tests.faults.harness import chance

_SECRET = re.compile(r"secret(\d+)(?:first|last)")
_WORDS = (
    *("valve", "pump", "gear", "shaft", "motor", "fan", "belt", "screw", "hall", "north"),
    *("south", "winter", "oil", "steam", "copper", "spring", "night", "crew"),
)
_LARGE = 1_300_000


@dataclass(frozen=True)
class Content:
    """readable: it has text that must be found; what is not is broken on purpose, and only must not hold anybody up."""

    number: int
    suffix: str
    data: bytes
    readable: bool

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def key(self) -> str:
        return f"key{self.number}"

    @property
    def question(self) -> str:
        return f"What does machine {self.key} do with {_WORDS[self.number % len(_WORDS)]}?"


def numbers_in(text: str) -> set[int]:
    """The contents whose own text is in `text`."""
    return {int(number) for number in _SECRET.findall(text)}


def is_whole(content: Content, text: str) -> bool:
    """Whether beginning and end of the content are in `text`, each once."""
    return all(text.count(f"secret{content.number}{end}") == 1 for end in ("first", "last"))


def make(seed: int, number: int) -> Content:
    dice = chance.dice(seed, f"content {number}")
    maker = dice.choices(list(_MAKERS), list(_MAKERS.values()))[0]
    suffix, data, readable = maker(dice, number)
    return Content(number, suffix, data, readable)


Made = tuple[str, bytes, bool]


def _sentence(dice: random.Random) -> str:
    return f"The {' '.join(dice.choices(_WORDS, k=dice.randint(5, 12)))}."


def _paragraphs(dice: random.Random, number: int, most: int) -> list[str]:
    word = _WORDS[number % len(_WORDS)]
    first = f"Machine key{number} drives the {word} with secret{number}first."
    last = f"At night machine key{number} rests with secret{number}last."
    middle = [" ".join(_sentence(dice) for _ in range(4)) for _ in range(dice.randint(0, most))]
    return [first, *middle, last]


def _markdown(dice: random.Random, number: int) -> Made:
    parts = _paragraphs(dice, number, 8)
    return ".md", "\n\n".join([f"# Machine {number}", *parts]).encode(), True


def _plain(dice: random.Random, number: int) -> Made:
    return ".txt", "\n\n".join(_paragraphs(dice, number, 4)).encode(), True


def _page(dice: random.Random, number: int) -> Made:
    body = "".join(f"<p>{part}</p>" for part in _paragraphs(dice, number, 4))
    return ".html", f"<html><head><title>Machine</title></head><body>{body}</body></html>".encode(), True


def _table(dice: random.Random, number: int) -> Made:
    rows = [f'{row},"{part}"' for row, part in enumerate(_paragraphs(dice, number, 4))]
    return ".csv", "\n".join(["row,text", *rows]).encode(), True


def _large(dice: random.Random, number: int) -> Made:
    """Many bytes on the way in and little text: most of it is a comment."""
    _, page, _ = _page(dice, number)
    return ".html", page.replace(b"<head>", b"<!--" + b"x" * dice.randint(_LARGE, 2 * _LARGE) + b"--><head>"), True


def _torn_pdf(dice: random.Random, number: int) -> Made:
    return ".pdf", b"%PDF-1.7\n" + dice.randbytes(dice.randint(10, 4000)) + str(number).encode(), False


def _noise(dice: random.Random, number: int) -> Made:
    return dice.choice([".docx", ".xlsx", ".zip", ".md"]), dice.randbytes(3000) + str(number).encode(), False


def _nested(_dice: random.Random, number: int) -> Made:
    return ".json", b"[" * 5000 + str(number).encode(), False


_MAKERS: dict[Callable[[random.Random, int], Made], int] = {
    _markdown: 34,
    _plain: 22,
    _page: 14,
    _table: 10,
    _large: 3,
    _torn_pdf: 3,
    _noise: 3,
    _nested: 2,
}
