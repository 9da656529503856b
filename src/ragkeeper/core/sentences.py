# ruff: noqa: RUF001 -- look-alike marks of many scripts are what this file is about
"""Where sentences begin and end, in any language that writes sentence marks, and in text that has none.

`sentence_spans` is one pass over candidate marks. What a full stop means is decided from the word before it and the
word after it, with short lists for English, German, Spanish, French and Italian. CJK, Indic and Arabic marks need none.
"""

import re
from collections.abc import Iterator

LONGEST_SENTENCE = 1000
"""Code points. Text without marks (transcripts, logs) is cut at this length, at the best place there is."""

SENTENCE_MARKS = frozenset(".!?…。！？｡।॥۔؟")

_CLOSERS = r"[\"'”’»›)\]}*_]*+(?:\[\d[\d,;\s–-]{0,30}\])*+"
_CANDIDATE = re.compile(
    # A run of western marks, what closes it, then white space. Possessive, and only from the start of a run: linear.
    rf"(?<![.!?…؟])(?P<mark>[.!?…؟]++){_CLOSERS}(?=\s)"
    # Marks that need no white space after them.
    r"|(?P<wide>[。！？｡।॥۔።]++[」』”’）】〉》]*+)"
    # A blank line, a form feed, or a line that begins a list item, a heading or a table row.
    r"|(?P<line>\n(?:[^\S\n]*\n|[^\S\n]*(?=(?:[-*•‣▪–+]|\d{1,3}[.)]|\(?[a-z]\)|\#{1,6})[^\S\n])|[^\S\n]*(?=\|)))"
    r"|(?P<feed>\f)"
    # Between two lines that end in figures: rows of a table that lost its rules.
    r"|(?P<row>(?<=[\d)%—–])\n(?=[^\n]{0,200}[\d)%—–](?:\n|\Z)))"
)
_WORD_BEFORE = re.compile(r"[^\s(\[\"'„“«]{1,24}\Z")
_NEXT_WORD = re.compile(r"\s*[\"'„“”«»‚‘(\[¿¡*_]*([^\W_]+)?")
_INITIALS = re.compile(r"(?:[^\W\d_]\.-?)*[^\W\d_]")
_NEXT_INITIAL = re.compile(r"\s+[^\W\d_]\.")
_ROW_OR_HEADING = re.compile(r"[^\S\n]*(?:\||#{1,6}[^\S\n])")


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


# Never the end of a sentence: something follows that belongs to it.
_OPEN = _words(
    # titles and names
    "mr mrs ms dr drs prof rev hon st ste gen col lt sgt capt cmdr gov sen rep pres hr hrn fr frl dipl ing mag",
    "ee sra srta dra dña ud uds mme mlle mgr sig dott avv",
    # references
    "fig figs eq eqs sect chap ch nos nr núm vol vols pp abb ziff kap eds hrsg cf vgl al refs suppl s.o s.u",
    # glue between words
    "e.g i.e eg ie vs v viz resp approx ca circa bzw z.b d.h u.a o.ä i.d.r v.a u.u z.t ggf evtl inkl exkl zzgl bspw",
    "sog einschl insb p.ej ej aprox tel c.f p.ex par.ex",
)
# A number follows, or else it was a word.
_NUMBERED = _words("no num art sec tab abs app ref para ver vid ed lit p s str bd anm")
# Often inside a sentence, sometimes its end: the end only where the next word usually begins one.
_EITHER = _words(
    "inc ltd co corp llc plc gmbh jr sr bros dept univ est etc usw usf uvm ff a.m p.m u.s u.k u.n d.c e.u ee.uu",
    "b.c a.d ph.d m.d b.a m.a n.y l.a n.chr v.chr sp spp subsp min max std mio mrd tsd hrs",
    "jan feb mär mar apr jun jul aug sep sept okt oct nov dez dec",
)
_ABBREVIATIONS = _OPEN | _EITHER
_STARTERS = _words(
    # English
    "a an the this that these those it he she we they i you in on at as by for from if when while after before",
    "although however but and or so then there here our his her its their with to during since because both all each",
    "no not what who why how where which do does did is are was were can could should would may might also thus",
    "therefore moreover furthermore finally first second third one two some many most such another other see",
    # German
    "der die das den dem des ein eine einer einem er sie es wir ihr ich im am auf bei mit nach von zu zum zur für über",
    "aber und oder doch denn wenn weil da dass als so dann dort hier auch diese dieser dieses jedoch außerdem seit",
    "während unter man was wer wie wo warum",
    # Spanish, French, Italian
    "el la los las un una unos unas en de del al con por para pero y o si cuando como este esta estos estas ese esa",
    "su sus se también sin le les du il elle ils nous vous je ce cette ces dans sur mais et ou où quand lo gli",
    "uno nel nella ma che",
)
_ORDINAL_BEFORE = _words(
    "am im vom zum der die das dem den des und bis ab seit beim ins jeden dieser diesem jedem ihr ihre ihrem seinem"
)
_ORDINAL_AFTER = re.compile(
    r"\s*(?:jan|feb|mär|apr|mai|jun|jul|aug|sep|okt|nov|dez|jahrhundert|jh|jahrestag|geburtstag|klasse|platz|mal\b|tag\b|"
    r"auflage|kapitel|stock|weltkrieg|bundesliga)",
    re.IGNORECASE,
)
_SHORT_WORD = 3
_LONGEST_ORDINAL = 3  # digits; years are longer


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """The sentences of `text` in order, as `[start, end)` code points without white space at either end.

    Together they hold every character that is not white space. None is longer than `LONGEST_SENTENCE`.
    A blank line, a list item, a heading line and a table row always end a sentence. Linear in the length of the text.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for end in _ends(text):
        spans.extend(_pieces(text, start, end))
        start = end
    spans.extend(_pieces(text, start, len(text)))
    return spans


def _ends(text: str) -> Iterator[int]:
    start = 0
    for found in _CANDIDATE.finditer(text):
        mark = found.group("mark")
        if mark is None or _closes_sentence(text, start, found.start(), found.end(), mark):
            start = found.end()
            yield start


def _closes_sentence(text: str, start: int, mark_start: int, end: int, mark: str) -> bool:
    next_word = _word_after(text, end)
    if mark != ".":
        # `"Really?" he said` and `and so … on` go on; `really? then` does not.
        goes_on = "…" in mark or ".." in mark or end > mark_start + len(mark)
        return not (goes_on and next_word[:1].islower())
    word = _word_before(text, start, mark_start)
    if not word:
        return True
    if word.isdigit():
        return not _is_ordinal(text, start, mark_start, end, word)
    if next_word[:1].islower():
        # Short words may be abbreviations not listed here, except in text that begins no sentence with a capital.
        is_word = len(word) > _SHORT_WORD or _word_after(text, start)[:1].islower()
        return is_word and "." not in word and word.lower() not in _ABBREVIATIONS
    return not _is_abbreviation(word, next_word) and not _is_followed_initial(text, start, mark_start, end, word)


def _is_abbreviation(word: str, next_word: str) -> bool:
    """Whether the full stop after `word` belongs to it, given that a capital, a figure or a mark follows."""
    key = word.lower()
    if word.isupper() and len(word) > 1 and key != "ee":
        return False  # HR, MS: an acronym, not Hr. or ms.
    if key in _OPEN or (key in _NUMBERED and next_word[:1].isdigit()):
        return True
    return key in _EITHER and next_word.lower() not in _STARTERS


def _is_followed_initial(text: str, start: int, mark_start: int, end: int, word: str) -> bool:
    """`J. Smith`, `U.S. Army` and `z. B.`, not `for 1 h. Then` and `vitamin C. The`."""
    if not _INITIALS.fullmatch(word):
        return False
    if word.islower() and len(word) == 1 and text[max(start, mark_start - 3) : mark_start - 1].strip()[-1:].isdigit():
        return False
    next_word = _word_after(text, end)
    return next_word.lower() not in _STARTERS or bool(_NEXT_INITIAL.match(text, end))


def _word_before(text: str, start: int, mark_start: int) -> str:
    found = _WORD_BEFORE.search(text[max(start, mark_start - 24) : mark_start])
    return found.group() if found else ""


def _word_after(text: str, end: int) -> str:
    found = _NEXT_WORD.match(text[end : end + 40])
    return (found and found.group(1)) or ""


def _is_ordinal(text: str, start: int, mark_start: int, end: int, number: str) -> bool:
    """`3. Oktober`, `der 2. Versuch`, and `1.` that numbers a line."""
    if len(number) > _LONGEST_ORDINAL:
        return False
    before = text[max(start, mark_start - len(number) - 24) : mark_start - len(number)].split()
    if not before:
        return True
    if _ORDINAL_AFTER.match(text, end):
        return True
    return before[-1].lower() in _ORDINAL_BEFORE and not _word_after(text, end)[:1].isdigit()


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """`[start, end)` without outer white space; rows on their own, over-long text cut."""
    start, end = _trimmed(text, start, end)
    if start == end:
        return
    line_end = text.find("\n", start, end)
    if line_end > 0 and _ROW_OR_HEADING.match(text, start, end):
        yield from _pieces(text, start, line_end)
        yield from _pieces(text, line_end, end)
        return
    while end - start > LONGEST_SENTENCE:
        cut = _best_cut(text, start, start + LONGEST_SENTENCE)
        yield _trimmed(text, start, cut)
        start = _trimmed(text, cut, end)[0]
    yield start, end


def _best_cut(text: str, start: int, limit: int) -> int:
    """The last line break, clause mark or space in the second half of `[start, limit)`, in that order; else `limit`."""
    half = (start + limit) // 2
    for mark in ("\n", "; ", ": ", ", ", " "):
        at = text.rfind(mark, half, limit)
        if at > 0:
            return at + 1
    return limit


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end
