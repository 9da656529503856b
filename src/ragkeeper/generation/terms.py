"""Words as they are compared: folded, shortened to their stem's beginning, without the words every sentence has."""

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
_WIDE = re.compile(r"[぀-ヿ㐀-鿿가-힯]")
_KEY_LENGTH = 6
_SHORTEST_STEM = 3
_REMEMBERED = 8192  # words: nearly all that texts of one subject use; ten times as many would be 30 MB
_SUFFIXES = ("ies", "ing", "ed", "es", "s", "e", "y", "n")


def listed(text: str) -> frozenset[str]:
    """Words written as text, which reads better than a hundred quoted lines."""
    return frozenset(text.split())


# Question words, articles, pronouns, prepositions, auxiliaries of English, German, Spanish, French and Italian.
STOP_WORDS = listed(
    """
    a about after all also although am an and any are as at be because been before being between both but by can could
    did do does done doing during each for from further had has have having he her here hers him his how i if in into
    is it its itself just may me might more most must my no nor not of off on once only or other our out over own same
    shall she should so some such than that the their them then there these they this those through to too under until
    up upon us very was we were what when where which while who whom whose why will with within without would you your
    aber als am an auch auf aus bei beim bin bis da das dass dem den denen der deren des dessen die dies diese diesem
    diesen dieser dieses doch du durch ein eine einem einen einer eines er es fur gegen hat hatte hatten haben ich ihr
    ihre ihrem ihren ihrer im in ist ja kann konnte konnten man mehr mit nach nicht noch nun nur ob oder ohne sehr
    sein seine seinem seinen seiner seit sich sie sind so uber um und uns unter viel viele vom von vor war waren warum
    was weil welche welchem welchen welcher welches wenn wer werden wem wen wessen wie wird wo wurde wurden zu zum zur
    al ante con como cual cuales cuando cuanta cuantas cuanto cuantos de del donde durante el ella ellas ellos en
    entre era eran es esa ese eso esta estan estas este esto estos fue fueron ha habia hacia han hasta hay la las le
    les lo los mas mi muy ni no o os para pero por porque que quien quienes se segun ser si sin sobre son su sus
    tambien tan te tiene tu un una unas uno unos y ya au aux avec ce ces cet cette comme comment dans des du elle
    elles est et etait ete etre eux il ils je leur leurs lui mais mes ne nos notre nous ont ou par pas plus pour quand
    que quel quelle quelles quels qui quoi sa sans ses son sont sur tous tout une vos votre vous alla alle che chi ci
    cosa da dal dalla degli dei della delle di dove e gli ha hanno il mi nel nella perche piu quale quali quando
    questa questo sono sua sui sulla suo tra una
"""
)


def words(text: str) -> list[str]:
    """The words of `text`, folded (lower case, without accents), in order."""
    return [fold(word) for word in _WORD.findall(text)]


def keys(text: str) -> list[str]:
    """The comparable words of `text` in order, stop words left out.

    Two words have the same key when they begin alike after their commonest endings are cut off: `produces`,
    `produced`, `production`; in languages without a stemmer of their own as well. Scripts that set no spaces between
    words give pairs of characters.
    """
    found: list[str] = []
    for word in words(text):
        if word in STOP_WORDS:
            continue
        if _WIDE.search(word):
            found.extend(word[at : at + 2] for at in range(max(1, len(word) - 1)))
        else:
            found.append(key(word))
    return found


@lru_cache(maxsize=_REMEMBERED)
def key(word: str) -> str:
    if word[0].isdigit():
        return word
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST_STEM:
            word = word[: -len(suffix)]
            break
    return word[:_KEY_LENGTH]


@lru_cache(maxsize=_REMEMBERED)
def fold(word: str) -> str:
    """Lower case, without accents; of `l'acqua` and `Panther's` the longer part."""
    if not word.isascii():
        plain = unicodedata.normalize("NFKD", word.casefold().replace("\u2019", "'"))
        word = "".join(char for char in plain if not unicodedata.combining(char))
    return max(word.lower().split("'"), key=len)
