"""Fit the weights of ragkeeper.generation.weights, and print them.

    python -m scripts.fit_extractive sentences [--fit xquad/en] [--questions N]
    python -m scripts.fit_extractive confidence
    python -m scripts.fit_extractive support

Sentences: conditional logistic regression (a softmax over the sentences of one question's passages; a sentence is
right when it overlaps the answer's span), on the train half of each set. Confidence: logistic regression, a question
asked of its own set's documents against the same asked of other sets'. Both with features scaled to unit variance, L2
.001, and each set weighing the same.
"""

import argparse
import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.citations import SETS as CLAIM_SETS
from bench.citations import Read, checks, read_all
from bench.extractive import FITTED, LARGE, REFUSAL_SETS, auroc, confidence_inputs, sample
from bench.passages import CachedEmbedder, Index, Question, build_index, load_set
from ragkeeper.generation.extractive import ExtractiveLimits
from ragkeeper.generation.features import (
    FEATURES,
    WORD_FEATURES,
    Candidate,
    read_question,
    split_passages,
    with_cosines,
    word_features,
)
from ragkeeper.generation.models import Passage
from ragkeeper.generation.verification import Span, support_features

Array = NDArray[np.float64]
L2 = 0.001
STEPS = 800
FALSE_REFUSALS = 0.05
ROUNDS = 4
NEEDS_VECTORS = frozenset({"cosine", "cosine_of_three", "cosine_lead", "agree"})


@dataclass(frozen=True, slots=True)
class Group:
    """One question's sentences: (sentences, features), and which are right."""

    features: Array
    right: Array


async def groups(questions: Sequence[Question], index: Index, embedder: CachedEmbedder) -> list[Group]:
    """Questions whose answer is among their passages' sentences; the others teach nothing."""
    found = []
    for question in questions:
        query = await embedder.embed_query(question.text)
        passages = index.search(question.text, query, ExtractiveLimits().passages)
        candidates = split_passages(passages)
        right = np.array([_is_right(question, passages[item.passage], item) for item in candidates], dtype=np.float64)
        if right.any():
            words = word_features(read_question(question.text), passages, candidates)
            vectors = await embedder.embed_documents([item.text for item in candidates])
            features = with_cosines(words, candidates, vectors @ query)
            found.append(Group(features.astype(np.float64), right))
    return found


def _is_right(question: Question, passage: Passage, sentence: Candidate) -> bool:
    start, end = passage.start + sentence.start, passage.start + sentence.end
    return passage.document_id == question.document and any(s < end and start < e for s, e in question.spans)


def fit_softmax(sets: Sequence[Sequence[Group]], used: int) -> Array:
    """Weights of the first `used` features."""
    stacked = [_stack(groups, used) for groups in sets]
    scale = np.concatenate([rows for rows, *_ in stacked]).std(axis=0) + 1e-9

    def gradient(weights: Array) -> Array:
        total = L2 * weights
        for rows, right, starts, sizes in stacked:
            scaled = rows / scale
            scores = scaled @ weights
            shares = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), sizes))
            wanted = shares * right
            shares /= np.repeat(np.add.reduceat(shares, starts), sizes)
            wanted /= np.repeat(np.add.reduceat(wanted, starts), sizes)
            total = total + scaled.T @ (shares - wanted) / len(sizes) / len(stacked)
        return total

    weights: Array = descend(gradient, used) / scale
    return weights


def _stack(groups: Sequence[Group], used: int) -> tuple[Array, Array, NDArray[np.int64], NDArray[np.int64]]:
    sizes = np.array([len(group.right) for group in groups])
    rows = np.concatenate([group.features[:, :used] for group in groups])
    return rows, np.concatenate([group.right for group in groups]), np.cumsum(sizes) - sizes, sizes


def fit_logistic(rows: Array, right: Array, importance: Array) -> tuple[Array, float]:
    """Weights and bias; `importance` weighs the rows."""
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    scaled = np.concatenate([(rows - mean) / scale, np.ones((len(rows), 1))], axis=1)
    importance = importance / importance.sum()

    def gradient(weights: Array) -> Array:
        chance = 1 / (1 + np.exp(-(scaled @ weights)))
        return scaled.T @ ((chance - right) * importance) + L2 * weights

    weights = descend(gradient, scaled.shape[1])
    plain = weights[:-1] / scale
    return plain, float(weights[-1] - plain @ mean)


def descend(gradient: Callable[[Array], Array], size: int) -> Array:
    """Adam (Kingma and Ba 2015, arXiv:1412.6980) with a smaller step at the end."""
    weights, mean, square = np.zeros(size), np.zeros(size), np.zeros(size)
    for step in range(1, STEPS + 1):
        slope = gradient(weights)
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        rate = 0.05 if step < STEPS * 0.6 else 0.01
        weights -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return weights


async def fit_sentences(names: Sequence[str], count: int) -> None:
    """Fit on the train halves of `names`, print the weights and how they do on the other half of each set."""
    embedder = CachedEmbedder()
    train, held = [], {}
    for name in FITTED:
        loaded = load_set(name)
        index = await build_index(name, loaded.documents, embedder)
        held[name] = await groups(sample(loaded.half(train=False), count), index, embedder)
        if name in names:
            train.append(await groups(sample(loaded.half(train=True), count), index, embedder))
    print_weights("WORD_WEIGHTS", WORD_FEATURES, fit_softmax(train, len(WORD_FEATURES)))
    weights = fit_softmax(train, len(FEATURES))
    print_weights("SENTENCE_WEIGHTS", FEATURES, weights)
    for name, asked in held.items():
        share = np.mean([_is_among_best(group, weights) for group in asked])
        print(f"# {name}, held out, {len(asked)} questions: right sentence among the best three {share:.3f}")


def _is_among_best(group: Group, weights: Array) -> bool:
    return bool(group.right[np.argsort(-(group.features @ weights))[:3]].any())


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of one set asked of a set's documents."""

    where: str
    asked: str
    features: dict[str, float]

    @property
    def is_own(self) -> bool:
        return self.where == self.asked


async def fit_confidence(names: Sequence[str], count: int) -> None:
    asked = await _ask_everywhere(names, count)
    every = list(asked[0].features)
    for title, used in (("WEIGHTS", every), ("WEIGHTS_WORDS", [name for name in every if name not in NEEDS_VECTORS])):
        weights, bias = _fit_asked(asked, used)
        print_weights(f"CONFIDENCE_{title}", used, weights)
        print(f"CONFIDENCE bias {bias:.3f}")
        _report_left_out(asked, used, names)


async def _ask_everywhere(names: Sequence[str], count: int) -> list[Asked]:
    embedder = CachedEmbedder()
    sets = [load_set(name) for name in names]
    found = []
    for loaded in sets:
        index = await build_index(loaded.name, loaded.documents, embedder)
        for other in sets:
            for question in sample(other.questions, count):
                features = await confidence_inputs(question, index, embedder)
                found.append(Asked(loaded.name, other.name, features))
    return found


def _fit_asked(asked: Sequence[Asked], used: Sequence[str]) -> tuple[Array, float]:
    """Own and foreign questions of each set weigh the same."""
    sizes = Counter((item.is_own, item.asked) for item in asked)
    importance = np.array([1 / sizes[item.is_own, item.asked] for item in asked])
    return fit_logistic(_rows(asked, used), np.array([float(item.is_own) for item in asked]), importance)


def _rows(asked: Sequence[Asked], used: Sequence[str]) -> Array:
    return np.array([[item.features[name] for name in used] for item in asked])


def _report_left_out(asked: Sequence[Asked], used: Sequence[str], names: Sequence[str]) -> None:
    """Each set judged by weights that have seen neither its documents nor its questions."""
    own: list[float] = []
    foreign: list[float] = []
    for name in names:
        weights, bias = _fit_asked([item for item in asked if name not in {item.where, item.asked}], used)
        held = [item for item in asked if item.where == name]
        chances = 1 / (1 + np.exp(-(_rows(held, used) @ weights + bias)))
        for item, chance in zip(held, chances.tolist(), strict=True):
            (own if item.is_own else foreign).append(chance)
    threshold = float(np.quantile(own, FALSE_REFUSALS))
    refused = float(np.mean(np.array(foreign) < threshold))
    area = auroc(np.array(own), np.array(foreign))
    print(
        f"# sets left out: AUROC {area:.3f}; {FALSE_REFUSALS:.0%} own refused at {threshold:.2f}, foreign {refused:.1%}"
    )


async def fit_support(count: int) -> None:
    """Which window of a passage supports best depends on the weights, so both are found in turns."""
    chance = random.Random(3)  # noqa: S311 - repeatable, no secret
    read = await read_all([item for name in CLAIM_SETS for item in checks(name, count, chance)])
    right = np.array([float(item.check.kind == "true") for item in read])
    sizes = Counter((item.check.source, item.check.kind) for item in read)
    kinds = Counter(kind == "true" for _, kind in sizes)
    shares = [1 / sizes[item.check.source, item.check.kind] / kinds[item.check.kind == "true"] for item in read]
    for title, used in (
        ("WEIGHTS", ["words", "numbers", "names", "cosine"]),
        ("WEIGHTS_WORDS", ["words", "numbers", "names"]),
    ):
        windows = [np.array([[span_inputs(item, span)[name] for name in used] for span in item.spans]) for item in read]
        weights, bias = np.ones(len(used)), 0.0
        for _ in range(ROUNDS):
            best = np.array([rows[int((rows @ weights).argmax())] for rows in windows])
            weights, bias = fit_logistic(best, right, np.array(shares))
        print_weights(f"SUPPORT_{title}", used, weights)
        print(f"SUPPORT bias {bias:.3f}")


def span_inputs(item: Read, span: Span) -> dict[str, float]:
    cosine = float(item.vector @ span.vector) if span.vector is not None else 0.0
    return support_features(item.claim, span.text) | {"cosine": cosine}


def print_weights(title: str, names: Sequence[str], weights: Array) -> None:
    lines = "".join(f'    "{name}": {weight:.3f},\n' for name, weight in zip(names, weights, strict=True))
    print(f"{title} = {{\n{lines}}}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["sentences", "confidence", "support"])
    parser.add_argument("--fit", action="append", choices=FITTED, help="only this set, tested on the other")
    parser.add_argument("--questions", type=int, default=0, help="at most so many per set")
    arguments = parser.parse_args()
    if arguments.what == "sentences":
        asyncio.run(fit_sentences(arguments.fit or FITTED, arguments.questions or LARGE))
    elif arguments.what == "confidence":
        asyncio.run(fit_confidence(REFUSAL_SETS, arguments.questions or 150))
    else:
        asyncio.run(fit_support(arguments.questions or 250))


if __name__ == "__main__":
    main()
