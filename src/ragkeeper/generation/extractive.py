"""Answers without a model: the sentences of the documents that answer the question, quoted with their exact spans."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.generation.confidence import confidence
from ragkeeper.generation.features import Candidate, read_question, split_passages, word_features
from ragkeeper.generation.models import NOT_FOUND, Answer, AnswerSentence, Citation, Passage, quote
from ragkeeper.generation.ports import Embedder
from ragkeeper.generation.ranking import Ranked, choose, rank, rank_by_words, shortlist
from ragkeeper.generation.verification import fit_to
from ragkeeper.generation.weights import CONFIDENCE_THRESHOLD
from ragkeeper.providers.embedding.rules import steady

MOST_HINTS = 3


@dataclass(frozen=True, slots=True)
class ExtractiveLimits:
    """What an answer may cost and hold; the defaults were measured with bench/extractive.py.

    passages: read at all. embedded: sentences embedded for one question. seconds: to wait for their vectors, after
    which words alone decide. sentences: quoted at most. least_share: of the best sentence's belief, to be quoted too.
    """

    passages: int = 10
    embedded: int = 24
    seconds: float = 0.3
    sentences: int = 3
    least_share: float = 0.02


class ExtractiveAnswerer:
    """Never raises for what passages or questions hold; without an embedder, words alone decide."""

    def __init__(
        self,
        embedder: Embedder | None,
        *,
        threshold: float = CONFIDENCE_THRESHOLD,
        limits: ExtractiveLimits | None = None,
    ) -> None:
        """threshold: the least confidence (0 to 1) with which an answer is given rather than refused."""
        self._embedder = embedder
        self._threshold = threshold
        self._limits = limits or ExtractiveLimits()

    async def answer(self, question: str, passages: Sequence[Passage]) -> Answer:
        """Quote at most `limits.sentences` sentences of `passages` (best first), or refuse with the closest ones."""
        used = passages[: self._limits.passages]
        ranked, note = await self._rank(question, used)
        sureness = confidence(read_question(question), used, ranked)
        if not ranked or sureness < self._threshold:
            return replace(refusal(passages, sureness), note=note)
        chosen = choose(ranked, self._limits.sentences, self._limits.least_share)
        return replace(_compose([_joined(run, used) for run in _runs(chosen)], sureness), note=note)

    async def _rank(self, question: str, passages: Sequence[Passage]) -> tuple[list[Ranked], str]:
        """The sentences, best first, and a note when words alone decided though there is an embedder."""
        candidates = split_passages(passages)
        if not candidates:
            return [], ""
        features = word_features(read_question(question), passages, candidates)
        rows = shortlist(features, self._limits.embedded)
        kept = [candidates[row] for row in rows]
        if self._embedder is None:
            return rank_by_words(features, candidates), ""
        try:
            cosines = await self._cosines(steady(self._embedder), question, kept)
        except (TimeoutError, RagkeeperError) as error:
            reason = error.message if isinstance(error, RagkeeperError) else f"no vectors in {self._limits.seconds:g} s"
            return rank_by_words(features, candidates), f"sentences were chosen by their words alone: {reason}"
        return rank(features[rows], kept, cosines), ""

    async def _cosines(self, embedder: Embedder, question: str, candidates: Sequence[Candidate]) -> np.ndarray:
        async with asyncio.timeout(self._limits.seconds):
            query = await embedder.embed_query(question)
            vectors = await embedder.embed_now(fit_to(embedder, [candidate.text for candidate in candidates]))
        return vectors @ query


def refusal(passages: Sequence[Passage], sureness: float) -> Answer:
    """The answer that there is none, with the closest passages to look at."""
    sentence = AnswerSentence(text=NOT_FOUND, citations=(), supported=False)
    hints = tuple(passages[:MOST_HINTS])
    return Answer(text=NOT_FOUND, sentences=(sentence,), citations=(), refused=True, confidence=sureness, hints=hints)


def _runs(chosen: Sequence[Ranked]) -> list[list[Ranked]]:
    """Sentences that follow each other in a passage, together and in its order; the run with the best one first."""
    runs: list[list[Ranked]] = []
    for item in sorted(chosen, key=lambda item: (item.candidate.passage, item.candidate.place)):
        last = runs[-1][-1].candidate if runs else None
        follows = last is not None and (last.passage, last.place + 1) == (item.candidate.passage, item.candidate.place)
        if follows:
            runs[-1].append(item)
        else:
            runs.append([item])
    return sorted(runs, key=lambda run: -max(item.belief for item in run))


def _joined(run: Sequence[Ranked], passages: Sequence[Passage]) -> Citation:
    first, last = run[0].candidate, run[-1].candidate
    # A quote supports itself entirely.
    return quote(passages[first.passage], first.start, last.end, support=1.0)


def _compose(citations: Sequence[Citation], sureness: float) -> Answer:
    sentences = tuple(
        AnswerSentence(
            text=f"{' '.join(citation.quote.split())} [{citation.marker}]", citations=(citation,), supported=True
        )
        for citation in citations
    )
    text = "\n\n".join(sentence.text for sentence in sentences)
    return Answer(text, sentences, tuple(citations), refused=False, confidence=sureness)
