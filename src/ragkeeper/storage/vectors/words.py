"""Text to the sparse vectors of BM25, each text in its own language.

A stemmer for the wrong language costs up to two points of nDCG@10, and so does none. With `auto`, a text's language
is the one whose stop words it holds most of; a query that fits several languages equally is stemmed in each of them.
Scripts without spaces between words (Chinese, Japanese, Thai) are cut by the engine's dictionary tokenizer.
Figures: docs/decisions/0003-embedded-index.md, made by `bench/index.py words`.
"""

import re
from typing import Final

from qdrant_edge import Bm25, Bm25Config, DisabledStemmer, Language, SparseVector, StopwordsSet, TokenizerType

AUTO: Final = "auto"
NEUTRAL: Final = "none"
_DETECTED: Final = ("english", "german", "spanish", "french", "italian", "portuguese", "dutch")
_ONLY_WHEN_SET: Final = (
    *("danish", "finnish", "greek", "hungarian", "norwegian", "romanian", "russian", "swedish", "turkish"),
)
LANGUAGES: Final = (AUTO, NEUTRAL, *_DETECTED, *_ONLY_WHEN_SET)

AVERAGE_LENGTH: Final = 100.0
"""Words of a typical chunk once stop words are gone. Lengths are normalised when a chunk is put, so this is a constant;
between 60 and 150 it moves the nDCG@10 of SciFact by less than .007."""

_DETECTION_LENGTH: Final = 300  # characters: more costs time and changes no figure
_NO_STOPWORDS: Final = StopwordsSet(languages=set(), custom=set())
_UNSPACED: Final = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")


class WordEncoder:
    """BM25 term weights with k 1.2 and b 0.75 (Robertson and Zaragoza 2009); the engine multiplies by its live IDF."""

    def __init__(self, language: str = AUTO) -> None:
        """`language`: one of LANGUAGES; ValueError for another."""
        if language not in LANGUAGES:
            raise ValueError(f"no language {language!r}; known: {', '.join(LANGUAGES)}")
        candidates = _DETECTED if language == AUTO else (language,)
        self._languages = {name: _stemming(name) for name in candidates}
        self._detectors = {name: _stopping(name) for name in candidates} if len(candidates) > 1 else {}
        self._plain = _stopping(NEUTRAL)
        self._unspaced = _bm25(tokenizer=TokenizerType.Multilingual, stopwords=_NO_STOPWORDS, stemmer=DisabledStemmer())

    def document(self, text: str) -> SparseVector:
        """Weights of the text's terms: term frequency saturated and normalised by length."""
        spaced, unspaced = _by_script(text)
        vector = self._languages[self._detect(spaced)[0]].embed_document(spaced)
        return _joined(vector, self._unspaced.embed_document(unspaced)) if unspaced else vector

    def query(self, text: str) -> SparseVector | None:
        """Weight 1 for each of the text's terms; None when there is no term to search for."""
        spaced, unspaced = _by_script(text)
        terms = {term for name in self._detect(spaced) for term in self._languages[name].embed_query(spaced).indices}
        terms.update(self._unspaced.embed_query(unspaced).indices if unspaced else ())
        return SparseVector(sorted(terms), [1.0] * len(terms)) if terms else None

    def _detect(self, text: str) -> list[str]:
        """The languages that fit best, in the order of preference; never none."""
        if not self._detectors:
            return list(self._languages)
        start = text[:_DETECTION_LENGTH]
        total = len(self._plain.embed_query(start).indices)
        stopped = {name: total - len(one.embed_query(start).indices) for name, one in self._detectors.items()}
        most = max(stopped.values())
        return [name for name, count in stopped.items() if count == most]


def _by_script(text: str) -> tuple[str, str]:
    """(what is written with spaces, what is not), without characters that cannot be encoded (lone surrogates)."""
    clean = text if text.isascii() else text.encode("utf-8", "replace").decode()
    if clean.isascii():
        return clean, ""
    return _UNSPACED.sub(" ", clean), " ".join(_UNSPACED.findall(clean))


def _joined(one: SparseVector, other: SparseVector) -> SparseVector:
    weights = dict(zip(one.indices, one.values, strict=True)) | dict(zip(other.indices, other.values, strict=True))
    return SparseVector(list(weights), list(weights.values()))


def _stemming(language: str) -> Bm25:
    return _stopping(NEUTRAL) if language == NEUTRAL else _bm25(language=language)


def _stopping(language: str) -> Bm25:
    """An encoder that drops the language's stop words and leaves the other words whole."""
    stopwords = _NO_STOPWORDS if language == NEUTRAL else getattr(Language, language.capitalize())
    return _bm25(stopwords=stopwords, stemmer=DisabledStemmer())


def _bm25(**options: object) -> Bm25:
    return Bm25(Bm25Config(avg_len=AVERAGE_LENGTH, ascii_folding=True, **options))  # type: ignore[arg-type]
