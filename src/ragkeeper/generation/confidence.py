"""Do the passages hold an answer at all? A probability from how close they are and how much of the question they cover.

Fitted to tell the questions of five sets, asked of their own documents, from the same questions asked of the other
sets' documents (bench/extractive.py refusal). Works on any passages, whoever answers from them afterwards.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from ragkeeper.generation.features import Question
from ragkeeper.generation.models import Passage
from ragkeeper.generation.ranking import Ranked
from ragkeeper.generation.terms import fold, key, keys
from ragkeeper.generation.weights import (
    CONFIDENCE_BIAS,
    CONFIDENCE_BIAS_WORDS,
    CONFIDENCE_WEIGHTS,
    CONFIDENCE_WEIGHTS_WORDS,
)

_NAME_OR_NUMBER = re.compile(r"\b[^\W\d_a-zà-öø-ÿ][\w\u2019'-]+|\b\w*\d\w*")
_FIFTH: Final = 4


def confidence(question: Question, passages: Sequence[Passage], ranked: Sequence[Ranked]) -> float:
    """0 to 1; 0 without passages or without words in the question. Words alone decide where no passage has a cosine."""
    if not passages or not ranked or not question.keys:
        return 0.0
    found = confidence_features(question, passages, ranked)
    if any(passage.dense is not None for passage in passages):
        return _chance(found, CONFIDENCE_WEIGHTS, CONFIDENCE_BIAS)
    return _chance(found, CONFIDENCE_WEIGHTS_WORDS, CONFIDENCE_BIAS_WORDS)


def confidence_features(question: Question, passages: Sequence[Passage], ranked: Sequence[Ranked]) -> dict[str, float]:
    wanted = frozenset(question.keys)
    names = _names(question) & wanted
    texts = [frozenset(keys(f"{passage.title} {passage.text}")) for passage in passages]
    return {
        **_cosines([passage.dense for passage in passages if passage.dense is not None]),
        **_lexical([passage.lexical or 0.0 for passage in passages]),
        "agree": float(_best(passages, dense=True) == _best(passages, dense=False)),
        "sentence_words": max(_share(wanted, frozenset(item.candidate.keys)) for item in ranked),
        "passage_words": max(_share(wanted, text) for text in texts),
        "absent_words": 1 - _share(wanted, frozenset[str]().union(*texts)),
        "first_names": _share(names, texts[0]),
        "names": max(_share(names, text) for text in texts),
        "question_length": math.log1p(len(wanted)),
    }


def _cosines(found: list[float]) -> dict[str, float]:
    ordered = sorted(found, reverse=True) or [0.0]
    return {
        "cosine": ordered[0],
        "cosine_of_three": sum(ordered[:3]) / len(ordered[:3]),
        "cosine_lead": ordered[0] - ordered[min(_FIFTH, len(ordered) - 1)],
    }


def _lexical(found: list[float]) -> dict[str, float]:
    """How far the best BM25 leads the fifth, as a share of it: the scores themselves depend on the collection."""
    ordered = sorted(found, reverse=True)
    lead = ordered[0] - ordered[min(_FIFTH, len(ordered) - 1)]
    return {"lexical_lead": lead / ordered[0] if ordered[0] > 0 else 0.0}


def _best(passages: Sequence[Passage], *, dense: bool) -> int:
    return max(range(len(passages)), key=lambda at: (passages[at].dense if dense else passages[at].lexical) or 0.0)


def _names(question: Question) -> frozenset[str]:
    """Names and numbers of the question, but for its first word, which is capitalised anyway."""
    return frozenset(key(fold(m.group())) for m in _NAME_OR_NUMBER.finditer(question.text) if m.start() > 0)


def _share(wanted: frozenset[str], present: frozenset[str]) -> float:
    return len(wanted & present) / len(wanted) if wanted else 1.0


def _chance(found: Mapping[str, float], weights: Mapping[str, float], bias: float) -> float:
    return 1 / (1 + math.exp(-(bias + sum(weight * found[name] for name, weight in weights.items()))))
