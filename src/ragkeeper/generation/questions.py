"""What kind of answer a question asks for, and which sentences look as if they held one."""

import re
from enum import StrEnum

from ragkeeper.generation.terms import fold, listed, words


class Kind(StrEnum):
    PERSON = "person"
    TIME = "time"
    NUMBER = "number"
    PLACE = "place"
    REASON = "reason"
    MANNER = "manner"
    MEANING = "meaning"
    OTHER = "other"


# The first that matches decides, so the narrower kinds stand first. Text is folded: no accents, lower case.
_ASKS: dict[Kind, tuple[str, ...]] = {
    Kind.REASON: (
        r"why|what caus\w+|reasons?",
        "warum|weshalb|wieso|grund|por que|porque razon|pourquoi|perche",
    ),
    Kind.TIME: (
        r"when|(?:what|which) (?:\w+ )?(?:years?|dates?|centur\w+|decades?|days?|months?|period|era)",
        "how (?:long|old|often|soon)",
        r"wann|wie (?:lange|alt|oft)|welch\w+ (?:jahr\w*|datum|jahrhundert\w*|tag\w*)",
        "cuando|que (?:ano|fecha|siglo|dia|mes|decada)|cuanto tiempo|quand|quelle annee|quando",
    ),
    Kind.NUMBER: (
        "how (?:many|much|large|big|far|high|tall|deep|fast|wide|heavy|small)",
        r"what (?:\w+ )?(?:percent\w*|number|amount|proportion|rate|size|age|share|fraction)",
        r"what (?:\w+ )?(?:temperature|population|cost|price|length|dose|range|level)",
        r"wie ?viele?|wie (?:gross|hoch|weit|tief|schnell)|prozent\w*|anzahl",
        "cuant[oa]s?|porcentaje|numero|combien|quant[ioae]",
    ),
    Kind.PERSON: (
        "who|whom|whose|wer|wen|wem|wessen|quien(?:es)?|qui|chi",
        r"(?:what|which) (?:\w+ )?(?:person|man|woman|king|queen|president|actor|author|scientist|player)",
        r"(?:what|which) (?:\w+ )?(?:leader|architect|artist|emperor|general|pope)",
        r"(?:what|which) (?:\w+ )?(?:company|team|group|organi[sz]ation)",
    ),
    Kind.PLACE: (
        r"where|(?:what|which) (?:\w+ )?(?:country|countries|city|cities|state|place|region|continent)",
        r"(?:what|which) (?:\w+ )?(?:river|town|location|area|province)",
        r"wo|woher|wohin|worin|welch\w+ (?:land|stadt|region|ort|staat)",
        "donde|que (?:pais|ciudad|lugar|region|estado)|ou|dove",
    ),
    Kind.MANNER: ("how|wie|como|comment|come",),
    Kind.MEANING: (
        "what (?:is|are|was|were)|define|definition|meaning",
        "was (?:ist|sind|bedeutet)|que (?:es|son|significa)",
    ),
}
_PATTERNS = {kind: re.compile(rf"\b(?:{'|'.join(phrases)})\b") for kind, phrases in _ASKS.items()}
_NUMBER_WORDS = listed(
    """
    two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand million
    billion half third quarter dozen twice several zwei drei vier funf sechs sieben acht neun zehn elf zwolf zwanzig
    hundert tausend halfte dos tres cuatro cinco seis siete ocho nueve diez once doce veinte cien mil millones mitad
"""
)
_MONTHS = listed(
    """
    january february march april may june july august september october november december monday tuesday wednesday
    thursday friday saturday sunday century decade januar februar marz mai juni juli oktober dezember jahrhundert
    enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre siglo ano jahr year years
"""
)
_YEAR = re.compile(r"\b(?:1\d|20)\d\d(?:s|er)?\b")
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_NAME = re.compile(r"[^\W\d_a-zà-öø-ÿ][\w\u2019'-]+")
_CUES = {
    Kind.REASON: listed(
        """
    because due since therefore thus cause causes caused causing reason reasons result results resulted leads led
    order owing weil wegen aufgrund da denn daher deshalb grund porque debido causa razon ya pues
"""
    ),
    Kind.MANNER: listed(
        """
    by using through via with means method methods process durch mittels indem mit mediante por usando traves
"""
    ),
    Kind.MEANING: listed(
        """
    is are was were called known defined refers means ist sind heisst genannt bezeichnet es son llamado conocido
    significa
"""
    ),
    Kind.PLACE: listed(
        """
    in at near from north south east west city im aus nach en desde cerca norte sur
"""
    ),
}


def kind_of(question: str) -> Kind:
    folded = " ".join(words(question))
    return next((kind for kind, asks in _PATTERNS.items() if asks.search(folded)), Kind.OTHER)


def new_numbers(sentence: str, known: frozenset[str]) -> int:
    """How many numbers the sentence holds, in digits or words, that are not among the question's words."""
    digits = {number for number in _DIGITS.findall(sentence) if number not in known}
    return len(digits) + len(_NUMBER_WORDS.intersection(words(sentence)) - known)


def new_times(sentence: str, known: frozenset[str]) -> int:
    years = {year for year in _YEAR.findall(sentence) if year not in known}
    return len(years) + len(_MONTHS.intersection(words(sentence)) - known)


def new_names(sentence: str, known: frozenset[str]) -> int:
    """How many capitalised words, after the first word, are not among the question's words."""
    found = {fold(match.group()) for match in _NAME.finditer(sentence) if match.start() > 0}
    return len(found - known)


def has_cue(kind: Kind, sentence: str) -> bool:
    return not _CUES[kind].isdisjoint(words(sentence))
