"""Whether two questions ask the same in other words. No I/O.

Nearness of vectors does not tell: "one algorithm" and "another algorithm", a changed number, an added "not" lie nearer
to each other than most paraphrases do (bench/semantic_cache.py). So what may differ is listed, all else must be equal.
"""

import re

NEAREST = 0.9
"""Cosine below which questions are not the same, whatever their words: chosen with bench/semantic_cache.py."""

# A word with what holds it together, or a sign that is no punctuation of sentences: C++, 5 %, < 3.
_WORD = re.compile(r"""[^\W_]+(?:[.,:/'-][^\W_]+)*|[^\w\s?.!,;:"'()]""")
_OPENING = re.compile(
    r"^\W*(?:(?:hi|hello|hey|ok|okay|so|well|and)\b\W*)*(?:please\W+)?"
    r"(?:(?:(?:can|could|would|will) you (?:please )?)?(?:tell|show|explain to) (?:me|us)(?: please)?\b[:,]?\s*"
    r"|(?:i|we)(?: would|'d)? (?:want|like|need) to know\b[:,]?\s*|do you (?:happen to )?know\b[:,]?\s*)?",
    re.IGNORECASE,
)
_CLOSING = re.compile(r"(?:\W+(?:please|thanks|thank you))+\W*$", re.IGNORECASE)
_CONTRACTED = re.compile(
    r"\b(what|who|where|when|how|that|it|there)'(s|re)\b|\b(is|are|was|were|do|does|did|has|have|had|would|could|should)"
    r"n't\b",
    re.IGNORECASE,
)
_ARTICLES = frozenset({"a", "an", "the"})
# Where these stand tells a question from a clause ("what the fee is"); which of them, and how many, is kept.
_ANYWHERE = frozenset({"is", "are", "was", "were"})
_SHORTEST_ACRONYM = 2


def asks_the_same(one: str, other: str) -> bool:
    """Equal but for courtesies, articles, contractions, punctuation, and where "is" stands.

    Numbers, names, negations, the order of words and words in capitals (US, WHO) are all kept.
    """
    return _sense(one) == _sense(other)


def _sense(question: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    plain = question.strip().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    text = _CONTRACTED.sub(_spelled_out, _CLOSING.sub("", _OPENING.sub("", plain, count=1)))
    shouted = text.isupper()
    words = [word if _is_acronym(word) and not shouted else word.casefold() for word in _WORD.findall(text)]
    kept = [word for word in words if word not in _ARTICLES]
    return (
        tuple(word for word in kept if word not in _ANYWHERE),
        tuple(sorted(word for word in kept if word in _ANYWHERE)),
    )


def _is_acronym(word: str) -> bool:
    return len(word) >= _SHORTEST_ACRONYM and word.isupper()


def _spelled_out(match: re.Match[str]) -> str:
    if match[3]:
        return f"{match[3]} not"
    return f"{match[1]} {'is' if match[2].lower() == 's' else 'are'}"
