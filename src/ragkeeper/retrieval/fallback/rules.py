"""Which words are looked for in SQL, and how well a text fits them. No I/O."""

import re
from collections.abc import Iterable, Sequence

from ragkeeper.retrieval.fallback.models import Term

_WORD = re.compile(r"[^\W_]+")
# Scripts without spaces between words: two characters that stand together are the nearest thing to a word.
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
# SQL reads every text for every term, and a question's longest words say what it is about.
_MOST_TERMS = 8
_SHORTEST = 3
# Endings are cut off words that are longer; what is left is longer than half of them.
_INFLECTED = 6
_ENDING = 2
# BM25's constants (Robertson and Zaragoza 2009), and the length of a typical chunk in characters.
_K1, _B, _USUAL_LENGTH = 1.2, 0.75, 470


def terms(query: str) -> list[Term]:
    """The longest words of the query; none where it has only signs and very short ones."""
    words = dict.fromkeys(stem for word in _WORD.findall(query.lower()) for stem in _stems(word))
    return [Term(_forms(word), float(len(word))) for word in sorted(words, key=len, reverse=True)[:_MOST_TERMS]]


def fit(text: str, wanted: Sequence[Term]) -> float:
    """Like BM25, with a word's length in the place of its rarity, which only an index knows."""
    folded = text.lower()
    norm = _K1 * (1 - _B + _B * len(text) / _USUAL_LENGTH)
    counts = ((term.weight, folded.count(term.forms[0])) for term in wanted)
    return sum(weight * count * (_K1 + 1) / (count + norm) for weight, count in counts)


def _stems(word: str) -> Iterable[str]:
    if _UNSPACED.search(word):
        return [word[start : start + 2] for start in range(max(len(word) - 1, 1))]
    if len(word) < _SHORTEST and not word.isdecimal():
        return []
    return [word[:-_ENDING] if len(word) > _INFLECTED and word.isalpha() else word]


def _forms(word: str) -> tuple[str, ...]:
    """SQLite's LIKE knows capitals of ASCII alone."""
    return (word,) if word.isascii() else tuple(dict.fromkeys((word, word.capitalize(), word.upper())))
