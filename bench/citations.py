"""How well the verification of citations tells a passage that states a claim from one that does not.

    python -m bench.citations [--claims N] [--json]

Claims are SciFact's (with the abstract that supports them) and questions of XQuAD and COVID-QA joined with their answer
(with the 900 characters around it). Each is checked against its passage (`true`: should be supported), against the most
similar of 60 other passages (`other`), with a number changed (`number`), and with the answer of another question in its
place (`answer`). Prints the share that the default threshold calls supported, and the AUROC of the support score.
"""

import argparse
import asyncio
import json
import random
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.conditions import print_conditions
from bench.extractive import auroc, sample
from bench.passages import DATA, CachedEmbedder, Vectors, load_set
from ragkeeper.core.sentences import sentence_spans
from ragkeeper.generation.terms import keys
from ragkeeper.generation.verification import (
    Claim,
    Span,
    fit_to,
    read_claim,
    spans,
    support,
)
from ragkeeper.generation.weights import SUPPORT_THRESHOLD

SETS = ("scifact", "xquad/en", "covid-qa")
AROUND = 450
LONGEST_ANSWER = 200
OTHERS = 60
QUESTION_WORDS = re.compile(
    r"^(?:what|who|when|where|which|how many|how much|how|why)\s+(?:is|are|was|were|did|does|do)?\s*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Check:
    """A claim beside a passage; kind: true, other, number or answer."""

    source: str
    kind: str
    claim: str
    passage: str
    document: str = ""
    answer: str = ""


def checks(name: str, count: int, chance: random.Random) -> list[Check]:
    true = _scifact(count) if name == "scifact" else _answered(name, count)
    pool = [(item, frozenset(keys(item.passage))) for item in true]
    return true + [false for item in true for false in _falsified(item, pool, chance)]


def _scifact(count: int) -> list[Check]:
    folder = DATA / "scifact"
    texts = {row["_id"]: row["text"] for row in _rows(folder / "corpus.jsonl")}
    claims = {r["_id"]: r["text"] for f in ("queries", "train_queries") for r in _rows(folder / f"{f}.jsonl")}
    found = {
        (row["query-id"], row["corpus-id"]): None
        for row in _rows(folder / "evidence.jsonl")
        if row["label"] == "SUPPORT"
    }
    pairs = [pair for pair in found if pair[0] in claims]
    chosen = random.Random(7).sample(pairs, min(count, len(pairs)))  # noqa: S311 - repeatable, no secret
    return [Check("scifact", "true", claims[claim], texts[document], document) for claim, document in chosen]


def _answered(name: str, count: int) -> list[Check]:
    loaded = load_set(name)
    texts = {document.id: document.text for document in loaded.documents}
    found: list[Check] = []
    for question in sample(loaded.questions, len(loaded.questions)):
        if len(found) < count and question.spans and len(question.answers[0]) <= LONGEST_ANSWER:
            at = question.spans[0][0]
            passage = texts[question.document][max(0, at - AROUND) : at + AROUND]
            claim = f"{QUESTION_WORDS.sub('', question.text.rstrip('?'))} {question.answers[0]}"
            found.append(Check(name, "true", claim, passage, question.document, question.answers[0]))
    return found


def _falsified(item: Check, pool: Sequence[tuple[Check, frozenset[str]]], chance: random.Random) -> list[Check]:
    wanted = frozenset(keys(item.claim))
    others = [other for other in chance.sample(pool, min(OTHERS, len(pool))) if other[0].document != item.document]
    near = max(others, key=lambda other: len(wanted & other[1]))[0]
    false = [replace(item, kind="other", passage=near.passage)]
    number = re.search(r"\d+", item.claim)
    if number:
        changed = str(int(number.group()) + chance.randint(1, 9))
        claim = item.claim[: number.start()] + changed + item.claim[number.end() :]
        false.append(replace(item, kind="number", claim=claim))
    alien = chance.choice(others)[0].answer
    if alien and alien not in item.passage:
        false.append(replace(item, kind="answer", claim=item.claim.removesuffix(item.answer) + alien))
    return false


def _rows(path: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@dataclass(frozen=True, slots=True)
class Read:
    """A check with everything that needs the embedder done."""

    check: Check
    claim: Claim
    vector: Vectors
    spans: list[Span]


async def read_all(found: Sequence[Check]) -> list[Read]:
    embedder = CachedEmbedder()
    sentences = {item.passage[s:e] for item in found for s, e in sentence_spans(item.passage)}
    texts = sorted(sentences | {item.claim for item in found})
    vectors = dict(zip(texts, await embedder.embed_documents(fit_to(embedder, texts)), strict=True))
    return [Read(item, read_claim(item.claim), vectors[item.claim], spans(item.passage, vectors)) for item in found]


def measure(read: Sequence[Read]) -> dict[str, Any]:
    scores = np.array([max((support(r.claim, r.vector, span) for span in r.spans), default=0.0) for r in read])
    truth = np.array([r.check.kind == "true" for r in read])
    groups = sorted({(r.check.source, r.check.kind) for r in read})
    shares = {}
    for source, kind in groups:
        chosen = np.array([(r.check.source, r.check.kind) == (source, kind) for r in read])
        shares[f"{source} {kind}"] = float((scores[chosen] >= SUPPORT_THRESHOLD).mean())
    return {
        "pairs": len(read),
        "threshold": SUPPORT_THRESHOLD,
        "auroc": auroc(scores[truth], scores[~truth]),
        "supported": shares,
    }


def print_measured(found: dict[str, Any]) -> None:
    print(f"pairs {found['pairs']}  threshold {found['threshold']}  AUROC {found['auroc']:.3f}")
    for name, share in found["supported"].items():
        print(f"  {name:20s} supported {share:.3f}")


def self_check() -> None:
    passage = "The mill was built in 1884. It burned down twice."
    true = Check("self", "true", "The mill was built in 1884.", passage)
    read = asyncio.run(read_all([true, replace(true, kind="number", claim="The mill was built in 1994.")]))
    found = measure(read)
    assert found["supported"] == {"self number": 0.0, "self true": 1.0}, found  # noqa: S101 - this is the check


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--claims", type=int, default=250, help="per set")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_check:
        self_check()
        return
    if not DATA.exists():
        sys.exit("needs ../shared/data, which is not part of the repository")
    chance = random.Random(3)  # noqa: S311 - repeatable, no secret
    found = [item for name in SETS for item in checks(name, arguments.claims, chance)]
    measured = measure(asyncio.run(read_all(found)))
    if arguments.json:
        print(json.dumps(measured))
        return
    print_conditions("onnxruntime", "numpy")
    print_measured(measured)


if __name__ == "__main__":
    main()
