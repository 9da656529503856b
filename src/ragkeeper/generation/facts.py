"""The parts of a sentence that must be exactly right: numbers and names."""

import re

from ragkeeper.generation.terms import fold, words

_NUMBER = re.compile(r"\d+(?:[.,\u2019' \u00a0\u202f]\d{3})*(?:[.,]\d+)?")
_GROUPED = re.compile(r"(?<=\d)[.,\u2019' \u00a0\u202f](?=\d{3}(?!\d))")
_NAME = re.compile(r"\b[^\W\d_a-zà-öø-ÿ][\w\u2019'-]+")
_WORDS = {
    word: str(value)
    for value, names in enumerate(
        (
            "zero null cero",
            "",  # "one" and its like are articles and pronouns more often than numbers
            "two zwei dos deux due twice",
            "three drei tres trois tre",
            "four vier cuatro quatre quattro",
            "five funf cinco cinq cinque",
            "six sechs seis sei",
            "seven sieben siete sept sette",
            "eight acht ocho huit otto",
            "nine neun nueve neuf nove",
            "ten zehn diez dix dieci",
            "eleven elf once onze undici",
            "twelve zwolf doce douze dodici",
        )
    )
    for word in names.split()
}


def numbers_in(text: str) -> frozenset[str]:
    """Numbers in one notation: `1,000` and `1.000` are 1000, `3,5` and `3.5` are 3.5, `four` is 4."""
    found = {_plain(match.group()) for match in _NUMBER.finditer(text)}
    return frozenset(found | {_WORDS[word] for word in words(text) if word in _WORDS})


def names_in(text: str) -> frozenset[str]:
    """Capitalised words, folded, but for the first word, which every sentence capitalises."""
    return frozenset(fold(match.group()) for match in _NAME.finditer(text) if match.start() > 0)


def _plain(number: str) -> str:
    whole = _GROUPED.sub("", number).replace(",", ".")
    return whole.rstrip("0").rstrip(".") if "." in whole else whole
