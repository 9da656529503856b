"""Every sentence that could answer a question, described in numbers; `weights` says what they are worth.

Two stages, because embedding a sentence costs a thousand times more than counting its words: `WORD_FEATURES` for all
sentences of the passages, `FEATURES` (those and the cosines) for the ones that the words leave in the race.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ragkeeper.core.sentences import sentence_spans
from ragkeeper.generation.models import Passage
from ragkeeper.generation.questions import Kind, has_cue, kind_of, new_names, new_numbers, new_times
from ragkeeper.generation.terms import keys, words

Matrix = NDArray[np.float32]

WORD_FEATURES = (
    "coverage",  # share of the question's words, weighted by rarity, that the sentence has
    "coverage_near",  # the same, of the sentence and its two neighbours
    "coverage_passage",  # the same, of the passage and its title
    "bound",  # share of the question's words that its neighbours or title lack, and it has
    "pairs",  # share of the question's neighbouring words that are neighbours in the sentence as well
    "new_words",  # log of the number of words that the question does not have: what an answer adds
    "length",  # log of the number of words
    "too_short",
    "noise",  # share of characters that are neither letters nor spaces: tables, references, formulas
    "link",
    "first",
    "passage_gap",  # how far its passage's score lies under the best passage's
    "passage_rank",
    "passage_cosine",
    "person_name",
    "person_no_name",
    "time_new",
    "time_none",
    "number_new",
    "number_none",
    "place_name",
    "reason_cue",
    "manner_cue",
    "meaning_cue",
    "any_number",
    "any_name",
    "question_mark",
)
FEATURES = (*WORD_FEATURES, "cosine", "cosine_gap", "cosine_near", "cosine_rank")

_SHORT = 4
_MOST_NOISE = 0.2
_LONGEST_QUESTION = 2000
_LINK = re.compile(r"https?://|doi\b|www\.|@", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    kind: Kind
    keys: tuple[str, ...]
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence: `text` is `passages[passage].text[start:end]`; `place` counts it within its passage."""

    passage: int
    place: int
    start: int
    end: int
    text: str
    keys: tuple[str, ...] = field(repr=False)


def read_question(text: str) -> Question:
    """What is asked: its kind and its words; where all are stop words, those. Of a very long one, its beginning."""
    text = text[:_LONGEST_QUESTION]
    found = tuple(dict.fromkeys(keys(text))) or tuple(dict.fromkeys(words(text)))
    return Question(text=text, kind=kind_of(text), keys=found, words=frozenset(words(text)))


def split_passages(passages: Sequence[Passage]) -> list[Candidate]:
    """The sentences of all passages. A sentence that overlapping passages share comes once, from the better one."""
    seen: set[tuple[str, int]] = set()
    found: list[Candidate] = []
    for at, passage in enumerate(passages):
        for place, (start, end) in enumerate(sentence_spans(passage.text)):
            where = (passage.version_id, passage.start + start)
            if where not in seen:
                seen.add(where)
                text = passage.text[start:end]
                found.append(Candidate(at, place, start, end, text, tuple(keys(text))))
    return found


def rarity(question: Question, candidates: Sequence[Candidate]) -> dict[str, float]:
    """How much each of the question's words tells the candidates apart: inverse sentence frequency."""
    counts = Counter(key for candidate in candidates for key in set(candidate.keys))
    total = len(candidates) + 1
    return {key: math.log(1 + total / (counts[key] + 0.5)) if counts[key] else 0.0 for key in question.keys}


def passage_strengths(passages: Sequence[Passage]) -> list[float]:
    """The default fusion of both scores, whatever mode, fusion or reranking ordered the passages: weights need one.

    .7 x cosine + .3 x BM25 / the best BM25.
    """
    best = max((passage.lexical or 0.0 for passage in passages), default=0.0) or 1.0
    cosines = passage_cosines(passages)
    return [
        0.7 * cosine + 0.3 * (passage.lexical or 0.0) / best for cosine, passage in zip(cosines, passages, strict=True)
    ]


def passage_cosines(passages: Sequence[Passage]) -> list[float]:
    """A passage without a vector is taken to be as close as the median one, so that it neither wins nor loses by it."""
    known = [passage.dense for passage in passages if passage.dense is not None]
    typical = float(np.median(known)) if known else 0.0
    return [typical if passage.dense is None else passage.dense for passage in passages]


def word_features(question: Question, passages: Sequence[Passage], candidates: Sequence[Candidate]) -> Matrix:
    """(candidates, WORD_FEATURES)."""
    weights = rarity(question, candidates)
    pairs = set(pairwise(question.keys))
    contexts = [frozenset(keys(f"{passage.title} {passage.text}")) for passage in passages]
    titles = [frozenset(keys(passage.title)) for passage in passages]
    strengths, cosines = passage_strengths(passages), passage_cosines(passages)
    best = max(strengths, default=0.0)
    rows = []
    for at, candidate in enumerate(candidates):
        own = frozenset(candidate.keys)
        around = _neighbours(candidates, at)
        near = own.union(*(candidates[other].keys for other in around))
        beside = titles[candidate.passage].union(*(candidates[other].keys for other in around))
        rows.append(
            [
                _share(weights, own),
                _share(weights, near),
                _share(weights, contexts[candidate.passage]),
                _share(weights, own - beside),
                len(pairs.intersection(pairwise(candidate.keys))) / len(pairs) if pairs else 0.0,
                math.log1p(len(own.difference(question.keys))),
                *_shape(candidate),
                best - strengths[candidate.passage],
                1 / (1 + candidate.passage),
                cosines[candidate.passage],
                *_answer_type(question, candidate.text),
            ]
        )
    return np.array(rows, dtype=np.float32).reshape(len(candidates), len(WORD_FEATURES))


def with_cosines(features: Matrix, candidates: Sequence[Candidate], cosines: NDArray[np.float32]) -> Matrix:
    """(candidates, FEATURES) from (candidates, WORD_FEATURES) and each candidate's cosine with the question."""
    best = cosines.max(initial=-1.0)
    ranks = np.empty(len(cosines), dtype=np.float32)
    ranks[np.argsort(-cosines)] = np.arange(len(cosines))
    near = [
        max((float(cosines[other]) for other in _neighbours(candidates, at)), default=0.0)
        for at in range(len(candidates))
    ]
    columns = np.stack([cosines, best - cosines, near, 1 / (1 + ranks)], axis=1)
    return np.concatenate([features, columns.astype(np.float32)], axis=1)


def _neighbours(candidates: Sequence[Candidate], at: int) -> list[int]:
    """The candidates just before and after in the same passage."""
    passage = candidates[at].passage
    return [
        other for other in (at - 1, at + 1) if 0 <= other < len(candidates) and candidates[other].passage == passage
    ]


def _share(weights: dict[str, float], present: frozenset[str]) -> float:
    total = sum(weights.values())
    return sum(weight for key, weight in weights.items() if key in present) / total if total else 0.0


def _shape(candidate: Candidate) -> list[float]:
    count = len(words(candidate.text))
    signs = sum(not (char.isalpha() or char.isspace()) for char in candidate.text) / len(candidate.text)
    # Digits and brackets are where facts are; beyond this share it is a table or a list of references.
    noise = min(signs, _MOST_NOISE)
    is_link = _LINK.search(candidate.text) is not None
    return [math.log1p(count), float(count <= _SHORT), noise, float(is_link), float(candidate.place == 0)]


def _answer_type(question: Question, sentence: str) -> list[float]:
    kind = question.kind
    numbers = min(new_numbers(sentence, question.words), 3)
    times = min(new_times(sentence, question.words), 2)
    names = min(new_names(sentence, question.words), 4)
    return [
        names * (kind is Kind.PERSON),
        float(kind is Kind.PERSON and not names),
        times * (kind is Kind.TIME),
        float(kind is Kind.TIME and not (times or numbers)),
        numbers * (kind is Kind.NUMBER),
        float(kind is Kind.NUMBER and not numbers),
        names * (kind is Kind.PLACE),
        float(kind is Kind.REASON and has_cue(kind, sentence)),
        float(kind is Kind.MANNER and has_cue(kind, sentence)),
        float(kind is Kind.MEANING and has_cue(kind, sentence)),
        numbers,
        names,
        float(sentence.endswith("?")),
    ]
