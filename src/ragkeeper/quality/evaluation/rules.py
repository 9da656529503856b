"""What the figures mean. No I/O.

Rankings are scored as trec_eval does: gain linear in the grade, discount log2(rank + 1), ideal over all judgements.
"""

import math
import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ragkeeper.quality.evaluation.models import Change, Grades, Question, Ranking, Reply, Report, Sample, Samples

_RESAMPLES = 1000
_SEED = 7
_ROUNDING = 0.0001  # figures in files are rounded to four places
_LATENCIES = ("p50_ms", "p95_ms", "p99_ms")
# Figures of which less is not worse, or whose noise is the machine's and not the questions'.
_NOT_JUDGED = frozenset({*_LATENCIES, "quotes", "quoted_characters"})
_MARKER = re.compile(r"\s*\[\d+\]")
_ARTICLE = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


# --- rankings ------------------------------------------------------------------------------------------------------


def fold(names: Iterable[str], ids: Mapping[str, Sequence[str]]) -> Ranking:
    """Documents in the order of their best hit; a document that stands for several corpus ids gives all of them."""
    return [corpus_id for name in dict.fromkeys(names) for corpus_id in ids.get(name, (name,))]


def ndcg(ranking: Sequence[str], grades: Grades, depth: int) -> float:
    ideal = _discounted(sorted((grade for grade in grades.values() if grade > 0), reverse=True)[:depth])
    return _discounted([max(grades.get(name, 0), 0) for name in ranking[:depth]]) / ideal if ideal else 0.0


def recall(ranking: Sequence[str], grades: Grades, depth: int) -> float:
    relevant = {name for name, grade in grades.items() if grade > 0}
    return len(relevant.intersection(ranking[:depth])) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranking: Sequence[str], grades: Grades, depth: int) -> float:
    ranks = (rank for rank, name in enumerate(ranking[:depth], start=1) if grades.get(name, 0) > 0)
    return 1 / next(ranks, math.inf)


def ranking_samples(
    rankings: Mapping[str, Sequence[str]], judgements: Mapping[str, Grades]
) -> dict[str, dict[str, Sample]]:
    """One sample per judged query and figure; a query without hits counts 0."""
    found = {
        query: {
            "ndcg@10": ndcg(rankings.get(query, ()), grades, 10),
            "recall@10": recall(rankings.get(query, ()), grades, 10),
            "recall@100": recall(rankings.get(query, ()), grades, 100),
            "mrr@10": reciprocal_rank(rankings.get(query, ()), grades, 10),
        }
        for query, grades in judgements.items()
    }
    names = ("ndcg@10", "recall@10", "recall@100", "mrr@10")
    return {name: {query: (values[name], 1.0) for query, values in found.items()} for name in names}


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 2) for rank, gain in enumerate(gains))


# --- answers -------------------------------------------------------------------------------------------------------


def contains_answer(text: str, answers: Iterable[str]) -> bool:
    """Whether one of the answers stands in the text; white space, case and the answer's outer punctuation aside."""
    readable = _plain(text)
    wanted = (_plain(answer).strip(" .,;:") for answer in answers)
    return any(answer in readable for answer in wanted if answer)


def token_f1(text: str, answers: Iterable[str]) -> float:
    """Harmonic mean of word precision and recall with the nearest answer, words compared as SQuAD does."""
    return max((_f1(_tokens(text), _tokens(answer)) for answer in answers), default=0.0)


def answer_samples(replies: Mapping[str, Reply], questions: Sequence[Question]) -> dict[str, dict[str, Sample]]:
    """Figures over questions that the documents answer; a refusal has no citation and finds nothing."""
    asked = [question for question in questions if question.id in replies and question.answers]
    return {
        "span_hit_rate": {q.id: (float(contains_answer(_quoted(replies[q.id]), q.answers)), 1.0) for q in asked},
        "token_f1": {q.id: (token_f1(_said(replies[q.id]), q.answers), 1.0) for q in asked},
        "citation_precision": {q.id: _right_citations(replies[q.id], q) for q in asked},
        "answered": {q.id: (float(not replies[q.id].refused), 1.0) for q in asked},
    }


def refusal_samples(replies: Mapping[str, Reply], foreign: Mapping[str, Reply]) -> dict[str, dict[str, Sample]]:
    """precision: of the refusals, the share that was right; recall: of the foreign questions, the share refused."""
    refusals = {f"own {name}": (0.0, float(reply.refused)) for name, reply in replies.items()}
    refusals |= {f"foreign {name}": (float(reply.refused), float(reply.refused)) for name, reply in foreign.items()}
    return {
        "refusal_precision": refusals,
        "refusal_recall": {f"foreign {name}": (float(reply.refused), 1.0) for name, reply in foreign.items()},
    }


def quoted(replies: Sequence[Reply]) -> dict[str, float]:
    """Quotes and quoted characters per answer, means over answers that are no refusals."""
    given = [reply.quotes for reply in replies if not reply.refused]
    return {
        "quotes": sum(map(len, given)) / max(len(given), 1),
        "quoted_characters": sum(len(quote) for quotes in given for quote in quotes) / max(len(given), 1),
    }


def auroc(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """Chance that a random positive scores above a random negative, ties counting half."""
    if not positives or not negatives:
        return math.nan
    ordered = np.sort(np.asarray(negatives))
    below = np.searchsorted(ordered, positives, side="left")
    ties = np.searchsorted(ordered, positives, side="right") - below
    return float((below + ties / 2).mean() / len(negatives))


def _right_citations(reply: Reply, question: Question) -> Sample:
    return float(sum(contains_answer(quote, question.answers) for quote in reply.quotes)), float(len(reply.quotes))


def _quoted(reply: Reply) -> str:
    return "" if reply.refused else " ".join(reply.quotes)


def _said(reply: Reply) -> str:
    return "" if reply.refused else _MARKER.sub("", reply.text)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _tokens(text: str) -> list[str]:
    return _ARTICLE.sub(" ", text.casefold().translate(_PUNCTUATION)).split()


def _f1(said: Sequence[str], wanted: Sequence[str]) -> float:
    shared = sum((Counter(said) & Counter(wanted)).values())
    return 2 * shared / (len(said) + len(wanted)) if shared else 0.0


# --- figures and their noise ---------------------------------------------------------------------------------------


def figures_of(samples: Samples) -> dict[str, float]:
    """Each figure from its samples; nan where no question counts."""
    return {name: figure(list(values.values())) for name, values in samples.items()}


def figure(samples: Sequence[Sample]) -> float:
    below = sum(sample[1] for sample in samples)
    return sum(sample[0] for sample in samples) / below if below else math.nan


def latencies(milliseconds: Sequence[float]) -> dict[str, float]:
    """Percentiles in milliseconds; empty without measurements."""
    if not milliseconds:
        return {}
    found = np.percentile(milliseconds, (50, 95, 99))
    return {name: float(value) for name, value in zip(_LATENCIES, found, strict=True)}


def compare(before: Report, after: Report) -> list[Change]:
    """Every figure that both reports have and of which less is worse."""
    return [
        _change(group, name, before, after)
        for group, figures in after.figures.items()
        for name, value in figures.items()
        if name not in _NOT_JUDGED and math.isfinite(value)
        if math.isfinite(before.figures.get(group, {}).get(name, math.nan))
    ]


def _change(group: str, name: str, before: Report, after: Report) -> Change:
    old = before.samples.get(group, {}).get(name, {})
    new = after.samples.get(group, {}).get(name, {})
    shared = [question for question in new if question in old]
    if shared and len(shared) == len(old):
        error = _standard_error([old[q] for q in shared], [new[q] for q in shared])
        method = f"paired over {len(shared)} questions"
    else:
        error = math.sqrt(2) * _standard_error(None, list(new.values())) if new else 0.0
        method = f"unpaired over {len(new)} questions" if new else "rounding only"
    noise = max(2 * error, _ROUNDING)
    return Change(f"{group} {name}", before.figures[group][name], after.figures[group][name], noise, method)


def _standard_error(before: Sequence[Sample] | None, after: Sequence[Sample]) -> float:
    """Bootstrap over questions of `after`, or of its difference from `before`."""
    draws = np.random.default_rng(_SEED).integers(0, len(after), (_RESAMPLES, len(after)))
    values = _resampled(after, draws)
    if before is not None:
        values = values - _resampled(before, draws)
    return float(np.nanstd(values))


def _resampled(samples: Sequence[Sample], draws: NDArray[np.int64]) -> NDArray[np.float64]:
    table = np.asarray(samples, np.float64)
    below = table[:, 1][draws].sum(axis=1)
    quotients: NDArray[np.float64] = table[:, 0][draws].sum(axis=1) / np.where(below == 0, np.nan, below)
    return quotients
