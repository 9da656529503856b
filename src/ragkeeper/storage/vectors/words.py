"""Text to the sparse vectors of BM25, each text in its own language.

A stemmer for the wrong language costs up to two points of nDCG@10, and so does none. With `auto`, a text's language
is the one whose stop words it holds most of; a query that fits several languages equally is stemmed in each of them.
Scripts without spaces between words (Chinese, Japanese, Thai) are cut by the engine's dictionary tokenizer.
Figures: docs/decisions/0003-embedded-index.md, made by `bench/index.py words`.
"""

import re
from typing import Final

from qdrant_edge import Bm25, Bm25Config, DisabledStemmer, SparseVector, StopwordsSet, TokenizerType

from ragkeeper.storage.vectors.language import LanguageDetector
from ragkeeper.storage.vectors.stopwords import STOP_WORDS

AUTO: Final = "auto"
NEUTRAL: Final = "none"
_ONLY_WHEN_SET: Final = (
    *("danish", "finnish", "greek", "hungarian", "norwegian", "romanian", "russian", "swedish", "turkish"),
)
LANGUAGES: Final = (AUTO, NEUTRAL, *STOP_WORDS, *_ONLY_WHEN_SET)

AVERAGE_LENGTH: Final = 100.0
"""Words of a typical chunk once stop words are gone. Lengths are normalised when a chunk is put, so this is a constant;
between 60 and 150 it moves the nDCG@10 of SciFact by less than .007."""

_NO_STOPWORDS: Final = StopwordsSet(languages=set(), custom=set())
_UNSPACED: Final = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")


class WordEncoder:
    """BM25 term weights with k 1.2 and b 0.75 (Robertson and Zaragoza 2009); the engine multiplies by its live IDF."""

    def __init__(self, language: str = AUTO) -> None:
        """`language`: one of LANGUAGES; ValueError for another."""
        if language not in LANGUAGES:
            raise ValueError(f"no language {language!r}; known: {', '.join(LANGUAGES)}")
        candidates = tuple(STOP_WORDS) if language == AUTO else (language,)
        self._languages = {name: _stemming(name) for name in candidates}
        self._detector = LanguageDetector(STOP_WORDS, _plain()) if language == AUTO else None
        self._unspaced = _bm25(tokenizer=TokenizerType.Multilingual, stopwords=_NO_STOPWORDS, stemmer=DisabledStemmer())

    def document(self, text: str) -> SparseVector:
        """Weights of the text's terms: term frequency saturated and normalised by length."""
        spaced, unspaced = _by_script(text)
        vector = self._languages[self._languages_of(spaced)[0]].embed_document(spaced)
        return _joined(vector, self._unspaced.embed_document(unspaced)) if unspaced else vector

    def query(self, text: str) -> SparseVector | None:
        """Weight 1 for each of the text's terms; None when there is no term to search for."""
        spaced, unspaced = _by_script(text)
        terms = {
            term for name in self._languages_of(spaced) for term in self._languages[name].embed_query(spaced).indices
        }
        terms.update(self._unspaced.embed_query(unspaced).indices if unspaced else ())
        return SparseVector(sorted(terms), [1.0] * len(terms)) if terms else None

    def _languages_of(self, text: str) -> list[str]:
        return self._detector.detect(text) if self._detector else list(self._languages)


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
    return _plain() if language == NEUTRAL else _bm25(language=language)


def _plain() -> Bm25:
    """An encoder that drops no word and leaves all of them whole."""
    return _bm25(stopwords=_NO_STOPWORDS, stemmer=DisabledStemmer())


def _bm25(**options: object) -> Bm25:
    return Bm25(Bm25Config(avg_len=AVERAGE_LENGTH, ascii_folding=True, **options))  # type: ignore[arg-type]
