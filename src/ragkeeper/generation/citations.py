"""Citation markers in text that a model writes: read while it streams, and kept only where they name a passage.

A model writes `[1]`, `[1][3]`, `[1, 2]`, `[1-3]`, `[[1]]`, `[^1]`, `[Source 2]`. What comes out is always `[n]` for
each known n in turn; a marker that names no passage disappears, so that a citation to nothing cannot exist.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ragkeeper.core.sentences import sentence_spans

_LABEL = r"(?:\^|#|(?:sources?|passages?|documents?|docs?|refs?|quellen?|fuentes?)\.?:?\s*#?)?"
_JOINT = r"\s*(?:,|;|&|and|und|y|et|[-\u2013])\s*"
_MARKER = re.compile(rf"\[\s*{_LABEL}\s*(\d{{1,4}}(?:{_JOINT}{_LABEL}\s*\d{{1,4}})*)\s*\]", re.IGNORECASE)
_PART = re.compile(r"(\d{1,4})(?:\s*[-\u2013]\s*(\d{1,4}))?")
_CLEAN_MARKERS = re.compile(r"(?:\s*\[\d{1,4}\])+")
_MOST_HELD = 64
_WIDEST_RANGE = 20
_FULL_WIDTH = str.maketrans("【】", "[]")


class MarkerReader:
    """Cleans a stream of text: what comes out does not depend on where the stream is cut."""

    def __init__(self, known: Collection[int]) -> None:
        self._known = frozenset(known)
        self._held = ""
        self._begun = False
        self._is_double = False
        self._skips_bracket = False

    def feed(self, piece: str) -> str:
        """The text that is certain by now, without white space around the whole.

        White space and an opened bracket are held back until what follows is known.
        """
        return "".join(self._take(char) for char in piece.translate(_FULL_WIDTH))

    def finish(self) -> str:
        """What was still held back: nothing more follows, so an open bracket is only text."""
        return self._release().rstrip()

    def _take(self, char: str) -> str:
        if not (self._begun or self._held) and char.isspace():
            return ""
        out = self._step(char)
        self._begun = self._begun or out != ""
        return out

    def _step(self, char: str) -> str:
        skips, self._skips_bracket = self._skips_bracket, False
        if skips and char == "]":
            return ""
        is_open = "[" in self._held
        if not is_open and (char.isspace() or char == "["):
            return self._hold(char)
        if not is_open:
            return self._release() + char
        if char == "[":
            return self._nest()
        self._held += char
        if char == "]":
            return self._close()
        return self._release() if len(self._held) > _MOST_HELD else ""

    def _hold(self, char: str) -> str:
        out = self._release() if len(self._held) > _MOST_HELD else ""
        self._held += char
        return out

    def _release(self) -> str:
        held, self._held = self._held, ""
        self._is_double = False
        return held

    def _nest(self) -> str:
        """A bracket within a bracket: `[[1]]` is `[1]`, and of `[x [1` the first becomes round.

        Otherwise what is left of the outer one, once an inner marker is gone, could read like a marker.
        """
        if self._held.endswith("["):
            self._is_double = True
            return ""
        held = self._release()
        text = held.rstrip()
        self._held = held[len(text) :] + "["
        return text.replace("[", "(")

    def _close(self) -> str:
        self._skips_bracket = self._is_double
        held = self._release()
        at = held.index("[")
        found = _MARKER.fullmatch(held, at)
        if found is None:
            return held
        markers = "".join(f"[{number}]" for number in _numbers(found.group(1)) if number in self._known)
        return held[:at] + markers if markers else ""


@dataclass(frozen=True, slots=True)
class CitedSentence:
    """text: with its markers; claim: without; markers: in the order of the text, each once."""

    text: str
    claim: str
    markers: tuple[int, ...]


def clean(text: str, known: Collection[int]) -> str:
    """`text` with known markers only, in their plain form."""
    reader = MarkerReader(known)
    return reader.feed(text) + reader.finish()


def cited_sentences(text: str) -> list[CitedSentence]:
    """The sentences of a cleaned text. Markers written after the full stop belong to the sentence before it."""
    return [_read_sentence(text[start:end]) for start, end in _spans(text)]


def _read_sentence(text: str) -> CitedSentence:
    markers = tuple(dict.fromkeys(int(number) for number in re.findall(r"\[(\d{1,4})\]", text)))
    return CitedSentence(text=text, claim=" ".join(_CLEAN_MARKERS.sub("", text).split()), markers=markers)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Sentence spans, with leading markers given to the sentence before when it has none and is on the same line."""
    open_span: tuple[int, int] | None = None
    for start, end in sentence_spans(text):
        leading = _CLEAN_MARKERS.match(text, start, end)
        begin = start
        if open_span and leading and "[" not in text[open_span[1] - 1 : open_span[1]]:
            is_bare = not re.search(r"\[\d{1,4}\]\W*$", text[open_span[0] : open_span[1]])
            if is_bare and "\n" not in text[open_span[1] : start]:
                open_span = (open_span[0], leading.end())
                begin = leading.end() + len(text[leading.end() : end]) - len(text[leading.end() : end].lstrip())
        if begin >= end:
            continue
        if open_span:
            yield open_span
        open_span = (begin, end)
    if open_span:
        yield open_span


def _numbers(listed: str) -> list[int]:
    """The numbers in `1, 3-5`, each once; a range that runs backwards or far counts as its two ends."""
    found: list[int] = []
    for first, last in _PART.findall(listed):
        low, high = int(first), int(last or first)
        found.extend(range(low, high + 1) if low <= high <= low + _WIDEST_RANGE else (low, high))
    return list(dict.fromkeys(found))
