"""Which language a text is in: the one whose stop words it holds most of.

The engine is asked once for a text's tokens, and not once for each language for what it would drop: the same result in
a third of the time. Each language counts in a byte of its own of one integer, so that one sum counts for all of them.
"""

from collections.abc import Mapping
from typing import Final

from qdrant_edge import Bm25

_LENGTH: Final = 300  # characters: more costs time and changes no figure
_BITS: Final = 8  # of one language's count: 300 characters hold at most 150 words


class LanguageDetector:
    """stop_words: by language in the order of preference, separated by blanks; plain: an encoder that drops no word."""

    def __init__(self, stop_words: Mapping[str, str], plain: Bm25) -> None:
        self._languages = list(stop_words)
        self._plain = plain
        self._counts: dict[int, int] = {}
        for place, words in enumerate(stop_words.values()):
            for token in plain.embed_query(words).indices:
                self._counts[token] = self._counts.get(token, 0) + (1 << _BITS * place)

    def detect(self, text: str) -> list[str]:
        """The languages that fit best, in the order of preference; never none."""
        count_of = self._counts.get
        total = sum(count_of(token, 0) for token in self._plain.embed_query(text[:_LENGTH]).indices)
        counts = total.to_bytes(len(self._languages), "little")
        most = max(counts)
        return [name for name, count in zip(self._languages, counts, strict=True) if count == most]
