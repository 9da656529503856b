"""How well the extractive answerer answers, refuses, and how well citations are verified.

    python -m bench.extractive answers [--questions N] [--set NAME …] [--json]
    python -m bench.extractive refusal [--questions N] [--json]
    python -m bench.extractive support [--questions N] [--json]

answers: share of questions whose gold answer stands inside the at most 3 quoted sentences, against the first 3
sentences of the best passage. Retrieval searches all documents of the set. Of the sets that the weights were fitted on,
the half of the documents that was held out. `right_document`: the quote must come from the gold document as well.
refusal: questions of each set asked of each set's documents. AUROC of the confidence; at the default threshold, the
share of own questions refused, precision and recall of refusals (sets weigh the same, foreign and own in equal parts).
support: claims checked against the passage that states them, against another passage, and with a number changed.
"""

import argparse
import asyncio
import json
import random
import re
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.conditions import print_conditions
from bench.passages import DATA, CachedEmbedder, Document, Index, Question, QuestionSet, build_index, load_set
from ragkeeper.core.sentences import sentence_spans
from ragkeeper.generation.confidence import confidence, confidence_features
from ragkeeper.generation.extractive import ExtractiveAnswerer, ExtractiveLimits
from ragkeeper.generation.features import Question as Asked
from ragkeeper.generation.features import read_question, split_passages, word_features
from ragkeeper.generation.models import Answer, Passage
from ragkeeper.generation.ranking import Ranked, rank_by_words
from ragkeeper.generation.weights import CONFIDENCE_THRESHOLD

FITTED = ("xquad/en", "covid-qa")
ANSWER_SETS = (*FITTED, "chunking-eval", "xquad/de", "xquad/es")
REFUSAL_SETS = ("xquad/en", "covid-qa", "scifact", "docugami-sec10q", "chunking-eval")
LARGE = 10**9


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question: whether its answer was inside the quotes, the baseline's, and what the answer cost."""

    baseline: bool
    hit: bool
    right_document: bool
    first: bool
    refused: bool
    sentences: int
    milliseconds: float


async def measure_answers(
    loaded: QuestionSet, questions: Sequence[Question], embedder: CachedEmbedder
) -> dict[str, float]:
    index = await build_index(loaded.name, loaded.documents, embedder)
    answerer = ExtractiveAnswerer(embedder, threshold=0.0, limits=ExtractiveLimits(seconds=60))
    outcomes = [await _ask(question, index, answerer, embedder) for question in questions]
    cost = sorted(outcome.milliseconds for outcome in outcomes)
    return {
        "questions": len(outcomes),
        "baseline": _share(outcome.baseline for outcome in outcomes),
        "quoted": _share(outcome.hit for outcome in outcomes),
        "right_document": _share(outcome.right_document for outcome in outcomes),
        "first_quote": _share(outcome.first for outcome in outcomes),
        "refused": _share(outcome.refused for outcome in outcomes),
        "sentences": statistics.fmean(outcome.sentences for outcome in outcomes),
        "p50_ms": cost[len(cost) // 2],
        "p95_ms": cost[int(len(cost) * 0.95)],
    }


async def _ask(question: Question, index: Index, answerer: ExtractiveAnswerer, embedder: CachedEmbedder) -> Outcome:
    passages = index.search(question.text, await embedder.embed_query(question.text))
    began = time.process_time()
    answer = await answerer.answer(question.text, passages)
    spent = (time.process_time() - began) * 1000
    quotes = [citation.quote for citation in answer.citations]
    right = [citation.quote for citation in answer.citations if citation.document_id == question.document]
    return Outcome(
        baseline=_holds(question, [_first_sentences(passages[0].text)]),
        hit=_holds(question, quotes),
        right_document=_holds(question, right),
        first=_holds(question, quotes[:1]),
        refused=answer.confidence < CONFIDENCE_THRESHOLD,
        sentences=_count_sentences(answer),
        milliseconds=spent,
    )


def _holds(question: Question, texts: Sequence[str]) -> bool:
    plain = [_plain(text) for text in texts]
    return any(_plain(answer) in text for answer in question.answers if _plain(answer) for text in plain)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip(" .,;").casefold()


def _first_sentences(text: str) -> str:
    spans = sentence_spans(text)[:3]
    return text[spans[0][0] : spans[-1][1]] if spans else ""


def _count_sentences(answer: Answer) -> int:
    return sum(len(sentence_spans(citation.quote)) for citation in answer.citations)


def _share(values: Any) -> float:
    return statistics.fmean(float(value) for value in values)


async def measure_refusal(names: Sequence[str], count: int, embedder: CachedEmbedder) -> dict[str, Any]:
    sets = [load_set(name) for name in names]
    asked = {loaded.name: sample(loaded.questions, count) for loaded in sets}
    scores: dict[tuple[str, str], NDArray[np.float64]] = {}
    for loaded in sets:
        index = await build_index(loaded.name, loaded.documents, embedder)
        for name, questions in asked.items():
            found = [await _confidence(question, index, embedder) for question in questions]
            scores[loaded.name, name] = np.array(found)
    return summarise_refusal(scores, CONFIDENCE_THRESHOLD)


async def _confidence(question: Question, index: Index, embedder: CachedEmbedder) -> float:
    passages, asked, ranked = await _by_words(question, index, embedder)
    return confidence(asked, passages, ranked)


async def confidence_inputs(question: Question, index: Index, embedder: CachedEmbedder) -> dict[str, float]:
    """What the confidence is made of."""
    passages, asked, ranked = await _by_words(question, index, embedder)
    return confidence_features(asked, passages, ranked)


async def _by_words(
    question: Question, index: Index, embedder: CachedEmbedder
) -> tuple[list[Passage], Asked, list[Ranked]]:
    passages = index.search(question.text, await embedder.embed_query(question.text), ExtractiveLimits().passages)
    candidates, asked = split_passages(passages), read_question(question.text)
    return passages, asked, rank_by_words(word_features(asked, passages, candidates), candidates)


def summarise_refusal(scores: dict[tuple[str, str], NDArray[np.float64]], threshold: float) -> dict[str, Any]:
    """From confidences by (documents' set, questions' set)."""
    own = {where: found for (where, asked), found in scores.items() if where == asked}
    foreign = {pair: found for pair, found in scores.items() if pair[0] != pair[1]}
    kept_back = float(np.mean([(found < threshold).mean() for found in own.values()]))
    refused = float(np.mean([(found < threshold).mean() for found in foreign.values()]))
    return {
        "auroc": auroc(np.concatenate(list(own.values())), np.concatenate(list(foreign.values()))),
        "pairs": {f"{asked} asked of {where}": auroc(own[where], found) for (where, asked), found in foreign.items()},
        "threshold": threshold,
        "false_refusals": {where: float((found < threshold).mean()) for where, found in own.items()},
        "refusal_precision": refused / (refused + kept_back) if refused + kept_back else 1.0,
        "refusal_recall": refused,
    }


def auroc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """The chance that a random positive has the higher score, ties counting half."""
    higher = (positive[:, None] > negative[None, :]).mean()
    return float(higher + 0.5 * (positive[:, None] == negative[None, :]).mean())


def sample(questions: Sequence[Question], count: int) -> list[Question]:
    return random.Random(7).sample(list(questions), min(count, len(questions)))  # noqa: S311 - repeatable, no secret


async def run_answers(arguments: argparse.Namespace, embedder: CachedEmbedder) -> dict[str, Any]:
    found = {}
    for name in arguments.set or ANSWER_SETS:
        loaded = load_set(name)
        questions = loaded.half(train=False) if name in FITTED else loaded.questions
        found[name] = await measure_answers(loaded, sample(questions, arguments.questions or LARGE), embedder)
        _print_row(name, found[name], arguments)
    return found


def _print_row(name: str, row: dict[str, float], arguments: argparse.Namespace) -> None:
    if not arguments.json:
        print(f"{name:16s}", "  ".join(f"{key} {value:.3f}" for key, value in row.items()), flush=True)


async def run_refusal(arguments: argparse.Namespace, embedder: CachedEmbedder) -> dict[str, Any]:
    found = await measure_refusal(arguments.set or REFUSAL_SETS, arguments.questions or 150, embedder)
    if not arguments.json:
        for key, value in found.items():
            rows = value.items() if isinstance(value, dict) else [("", value)]
            print(key, *(f"\n  {name:44s} {number:.3f}" for name, number in rows))
    return found


async def self_check(embedder: CachedEmbedder) -> None:
    """A tiny set with known outcomes: the answer is found, a foreign question scores lower than an own one."""
    texts = (
        "Herons nest in tall trees near water. They lay four eggs in spring.",
        "Granite holds quartz and feldspar.",
    )
    documents = [Document(str(n), f"Notes {n}", text) for n, text in enumerate(texts)]
    own = Question("How many eggs do herons lay?", ("four",), "0", ((43, 47),))
    row = await measure_answers(QuestionSet("self-check", documents, [own]), [own], embedder)
    assert row["quoted"] == 1.0, row  # noqa: S101 - this is the check
    index = await build_index("self-check", documents, embedder)
    foreign = replace(own, text="Who chaired the Vienna trade conference of 1931?")
    near, far = [await _confidence(question, index, embedder) for question in (own, foreign)]
    assert near > far, (near, far)  # noqa: S101 - as above


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="answers", choices=["answers", "refusal"])
    parser.add_argument(
        "--questions", type=int, default=0, help="at most so many per set; all (refusal: 150) without it"
    )
    parser.add_argument("--set", action="append")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true")
    arguments = parser.parse_args()
    embedder = CachedEmbedder()
    if arguments.self_check:
        asyncio.run(self_check(embedder))
        return
    if not DATA.exists():
        sys.exit("needs ../shared/data, which is not part of the repository")
    if not arguments.json:
        print_conditions("onnxruntime", "numpy")
    runs = {"answers": run_answers, "refusal": run_refusal}
    found = asyncio.run(runs[arguments.what](arguments, embedder))
    if arguments.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
