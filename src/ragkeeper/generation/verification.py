"""Does the cited passage say what the sentence says? The best span of it, and how well that supports the sentence."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.sentences import sentence_spans
from ragkeeper.generation.citations import CitedSentence
from ragkeeper.generation.facts import names_in, numbers_in
from ragkeeper.generation.models import AnswerSentence, Citation, Passage, quote
from ragkeeper.generation.ports import Embedder, Vectors
from ragkeeper.generation.terms import keys, words
from ragkeeper.generation.weights import (
    SUPPORT_BIAS,
    SUPPORT_BIAS_WORDS,
    SUPPORT_THRESHOLD,
    SUPPORT_WEIGHTS,
    SUPPORT_WEIGHTS_WORDS,
)

LONGEST_WINDOW = 3
# A sentence with a number that its span does not have stays below the threshold, however alike they are otherwise.
_WRONG_NUMBER = 0.5 * SUPPORT_THRESHOLD


@dataclass(frozen=True, slots=True)
class Span:
    """One to LONGEST_WINDOW sentences of a passage, which begin at its character `start`; vector: their mean's."""

    start: int
    text: str
    vector: Vectors | None

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence to be checked, read once."""

    keys: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[str]


class Verifier:
    """Without an embedder, or while it is down, words alone decide."""

    def __init__(
        self, embedder: Embedder | None, *, threshold: float = SUPPORT_THRESHOLD, seconds: float = 1.0
    ) -> None:
        self._embedder = embedder
        self._threshold = threshold
        self._seconds = seconds

    async def verify(self, sentences: Sequence[CitedSentence], passages: Sequence[Passage]) -> list[AnswerSentence]:
        """Each sentence with a citation per marker, in order. Markers must name `passages`."""
        cited = {passage.marker: passage for passage in passages}
        vectors = await self._vectors(sentences, cited)
        return [self._check(sentence, cited, vectors) for sentence in sentences]

    def _check(
        self, sentence: CitedSentence, cited: Mapping[int, Passage], vectors: Mapping[str, Vectors]
    ) -> AnswerSentence:
        claim, vector = read_claim(sentence.claim), vectors.get(sentence.claim)
        citations = tuple(best_citation(claim, vector, cited[marker], vectors) for marker in sentence.markers)
        supported = any(citation.support >= self._threshold for citation in citations)
        return AnswerSentence(text=sentence.text, citations=citations, supported=supported)

    async def _vectors(self, sentences: Sequence[CitedSentence], cited: Mapping[int, Passage]) -> Mapping[str, Vectors]:
        """Text to vector, for the claims and each sentence of the passages they cite; empty without an embedder."""
        markers = {marker for sentence in sentences for marker in sentence.markers}
        texts = {sentence.claim for sentence in sentences if sentence.markers}
        for marker in markers:
            text = cited[marker].text
            texts.update(text[start:end] for start, end in sentence_spans(text))
        if self._embedder is None or not texts:
            return {}
        ordered = sorted(texts)
        try:
            async with asyncio.timeout(self._seconds):
                vectors = await self._embedder.embed_now(fit_to(self._embedder, ordered))
        except (TimeoutError, RagkeeperError):
            return {}
        return dict(zip(ordered, vectors, strict=True))


def fit_to(embedder: Embedder, texts: Sequence[str]) -> list[str]:
    """`texts`, each cut to what the embedder reads: of a very long sentence the beginning stands for all."""
    return [_fit(embedder, text) for text in texts]


def _fit(embedder: Embedder, text: str) -> str:
    if len(text) <= embedder.max_tokens:  # a character is one token at most
        return text
    offsets = embedder.token_offsets(text)
    return text if len(offsets) <= embedder.max_tokens else text[: offsets[embedder.max_tokens - 1][1]]


def read_claim(text: str) -> Claim:
    return Claim(frozenset(keys(text)), numbers_in(text), names_in(text))


def best_citation(claim: Claim, vector: Vectors | None, passage: Passage, vectors: Mapping[str, Vectors]) -> Citation:
    """The span of `passage` that supports `claim` best; the shorter one where two do equally."""
    scored = [(support(claim, vector, span), span) for span in spans(passage.text, vectors)]
    score, best = max(scored, key=lambda item: (round(item[0], 3), -len(item[1].text)), default=(0.0, None))
    return quote(passage, best.start, best.end, score) if best else quote(passage, 0, len(passage.text), 0.0)


def spans(text: str, vectors: Mapping[str, Vectors]) -> list[Span]:
    """Every one to LONGEST_WINDOW sentences in a row; `vectors` by sentence, or empty."""
    bounds = sentence_spans(text)
    known = [vectors.get(text[start:end]) for start, end in bounds]
    return [
        Span(bounds[first][0], text[bounds[first][0] : bounds[last][1]], _direction(known[first : last + 1]))
        for first in range(len(bounds))
        for last in range(first, min(first + LONGEST_WINDOW, len(bounds)))
    ]


def _direction(vectors: Sequence[Vectors | None]) -> Vectors | None:
    """The unit vector of the mean."""
    known = [vector for vector in vectors if vector is not None]
    mean = np.sum(known, axis=0) if known else None
    return None if mean is None else mean / (np.linalg.norm(mean) or 1.0)


def support(claim: Claim, vector: Vectors | None, span: Span) -> float:
    """0 to 1: how well the span supports the claim."""
    found = support_features(claim, span.text)
    has_all_numbers = found["numbers"] == 1.0
    if vector is None or span.vector is None:
        score = _chance(found, SUPPORT_WEIGHTS_WORDS, SUPPORT_BIAS_WORDS)
    else:
        found["cosine"] = float(vector @ span.vector)
        score = _chance(found, SUPPORT_WEIGHTS, SUPPORT_BIAS)
    return score if has_all_numbers else min(score, _WRONG_NUMBER)


def support_features(claim: Claim, text: str) -> dict[str, float]:
    """Shares of the claim's words, numbers and names that the text has; 1 where the claim has none."""
    own = frozenset(keys(text))
    return {
        "words": _share(claim.keys, own),
        "numbers": _share(claim.numbers, numbers_in(text)),
        "names": _share(claim.names, frozenset(words(text))),
        "length": math.log1p(len(own)),
    }


def _share(wanted: frozenset[str], present: frozenset[str]) -> float:
    return len(wanted & present) / len(wanted) if wanted else 1.0


def _chance(found: Mapping[str, float], weights: Mapping[str, float], bias: float) -> float:
    return 1 / (1 + math.exp(-(bias + sum(weights[name] * found[name] for name in weights))))
