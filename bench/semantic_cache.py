"""How far questions asked in other words can be told from questions with other answers.

    python -m bench.semantic_cache [--json]

Pairs of real questions (XQuAD, COVID-QA, MedQuAD, Docugami, Chroma's chunking set): with equal answers from equal
passages, and with different ones that are near each other. To the latter come pairs made from real questions by
changing a number, a name, the order of two names, a comparative, or by negating; to the former, courtesies, articles,
contractions and letters in other sizes. For each floor of cosine: the share of different questions that would get a
wrong answer, and of equal ones that would get the right one, by nearness alone and with the words compared
(ragkeeper.answers.same_question). Target: under 1 wrong in 1,000 at the floor in use.
"""

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from bench.conditions import print_conditions
from ragkeeper.answers.same_question import NEAREST, asks_the_same
from ragkeeper.providers.embedding.onnx import OnnxEmbedder

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
SETS = ("xquad/en", "covid-qa", "medquad-liveqa", "docugami-sec10q", "chunking-eval")
FLOORS = (0.8, 0.85, 0.9, 0.95, 0.98, 0.99)
MOST_WRONG = 0.001
_NEAR = 0.8
_MOST_QUESTIONS = 4000
_OPPOSITES = (
    ("largest", "smallest"), ("most", "least"), ("more", "less"), ("before", "after"), ("first", "last"),
    ("minimum", "maximum"), ("increase", "decrease"), ("benefits", "risks"), ("causes", "effects"), ("with", "without"),
    ("north", "south"), ("highest", "lowest"), ("start", "end"), ("one", "another"), ("is", "was"), ("can", "must"),
    ("when", "where"), ("who", "what"), ("how many", "how much"), ("to", "from"), ("treat", "prevent"),
)  # fmt: skip
_NAME = re.compile(r"(?<=[a-z,] )(?!The |An? )[A-Z][\w-]+")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two questions; group: how they came together."""

    one: str
    other: str
    group: str


@dataclass(frozen=True, slots=True)
class Judged:
    """cosines, same: of each pair, how near it is and whether its words say the same."""

    groups: list[str]
    cosines: np.ndarray
    same: np.ndarray

    def share(self, floor: float, *, by_words: bool) -> float:
        hit = self.cosines >= floor
        return float(np.mean(hit & self.same if by_words else hit)) if len(hit) else 0.0

    def of(self, group: str) -> "Judged":
        chosen = np.array([one == group for one in self.groups])
        return Judged([group] * int(chosen.sum()), self.cosines[chosen], self.same[chosen])


def main() -> int:
    options = _options()
    if not DATA.exists():
        print(f"no data at {DATA}")
        return 0 if options.self_check else 3
    sets = SETS[:1] if options.self_check else SETS
    equal, different = asyncio.run(measure(sets, 200 if options.self_check else _MOST_QUESTIONS))
    figures = {
        "equal_pairs": len(equal.groups),
        "different_pairs": len(different.groups),
        "wrong": different.share(NEAREST, by_words=True),
        "wrong_by_nearness_alone": different.share(NEAREST, by_words=False),
        "right_of_real": equal.of("real").share(NEAREST, by_words=True),
        "right_of_reworded": equal.of("reworded").share(NEAREST, by_words=True),
    }
    if options.json:
        print(json.dumps(figures))
    else:
        print_conditions("onnxruntime")
        _print(equal, different)
    if options.self_check:
        return int(not (figures["equal_pairs"] and figures["different_pairs"]))
    return int(figures["wrong"] > MOST_WRONG)


async def measure(sets: Sequence[str], most: int) -> tuple[Judged, Judged]:
    """Pairs with equal answers, and pairs with different ones."""
    embedder = OnnxEmbedder(threads=2)
    equal: list[Pair] = []
    different: list[Pair] = []
    for name in sets:
        questions = _questions(DATA / name, most)
        vectors = await embedder.embed_documents([text for text, _ in questions])
        for pair, is_equal in _real(questions, vectors):
            (equal if is_equal else different).append(pair)
        for text, _ in questions[:: max(1, len(questions) // 500)]:
            equal += _reworded(text)
            different += _changed(text)
        different += _renamed([text for text, _ in questions])
    judged = [await _judged(embedder, pairs) for pairs in (equal, different)]
    await embedder.close()
    return judged[0], judged[1]


def _questions(folder: Path, most: int) -> list[tuple[str, str]]:
    """(question, what tells its answer), each once; evenly thinned out to `most`."""
    rows = [json.loads(line) for line in (folder / "qa.jsonl").read_text(encoding="utf-8").splitlines()]
    known: dict[str, str] = {}
    for row in rows:
        answer = json.dumps([row.get("context_id"), row.get("spans"), row.get("answers")])
        known.setdefault(row["question"].strip(), answer)
    return list(known.items())[:: max(1, len(known) // most)][:most]


def _real(questions: Sequence[tuple[str, str]], vectors: np.ndarray) -> Iterator[tuple[Pair, bool]]:
    """Every pair of equal answers, and every near one of different ones."""
    cosines = vectors @ vectors.T
    by_answer: dict[str, list[int]] = {}
    for place, (_, answer) in enumerate(questions):
        by_answer.setdefault(answer, []).append(place)
    for places in by_answer.values():
        for one, other in pairwise(places):
            yield Pair(questions[one][0], questions[other][0], "real"), True
    for one, other in zip(*np.where(np.triu(cosines, 1) >= _NEAR), strict=True):
        if questions[one][1] != questions[other][1] and not _equal_letters(questions[one][0], questions[other][0]):
            yield Pair(questions[one][0], questions[other][0], "real"), False


def _equal_letters(one: str, other: str) -> bool:
    """The sets hold questions twice, with an answer from another document each: no cache can tell those apart."""
    return re.sub(r"\W", "", one).lower() == re.sub(r"\W", "", other).lower()


def _reworded(text: str) -> list[Pair]:
    bare = text.rstrip(" ?.")
    lower = bare[0].lower() + bare[1:]
    ways = [
        bare,
        f"Please tell me: {text}",
        f"Could you tell me {lower}?",
        f"Hi, {lower}, please?",
        re.sub(r"\b[Tt]he ", "", text, count=1),
        re.sub(r"\b(What|Who|Where|How) is\b", r"\1's", text),
    ]
    return [Pair(text, way, "reworded") for way in ways if way != text]


def _changed(text: str) -> list[Pair]:
    """The same question with one thing changed that changes the answer."""
    found = [Pair(text, re.sub(r"\d+", lambda m: str(int(m[0]) + 1), text, count=1), "number")]
    found.append(Pair(text, re.sub(r"\b(is|are|was|were|does|do|did|can|has|have)\b", r"\1 not", text, count=1), "not"))
    for one, other in _OPPOSITES:
        for before, after in ((one, other), (other, one)):
            found.append(Pair(text, re.sub(rf"\b{before}\b", after, text, count=1), "word"))
    names = list(dict.fromkeys(_NAME.findall(text)))
    if len(names) > 1:
        swapped = {names[0]: names[1], names[1]: names[0]}
        found.append(Pair(text, _NAME.sub(lambda m: swapped.get(m[0], m[0]), text), "order of names"))
    return [pair for pair in found if pair.other != text]


def _renamed(texts: Sequence[str]) -> list[Pair]:
    """Each question with a name of the question after it."""
    named = [(text, _NAME.findall(text)) for text in texts]
    named = [(text, names) for text, names in named if names]
    return [
        Pair(text, text.replace(names[0], others[0]), "name")
        for (text, names), (_, others) in pairwise(named)
        if names[0] != others[0]
    ]


async def _judged(embedder: OnnxEmbedder, pairs: Sequence[Pair]) -> Judged:
    texts = list(dict.fromkeys(text for pair in pairs for text in (pair.one, pair.other)))
    place = {text: number for number, text in enumerate(texts)}
    vectors = await embedder.embed_documents(texts)
    cosines = np.array([vectors[place[pair.one]] @ vectors[place[pair.other]] for pair in pairs])
    same = np.array([asks_the_same(pair.one, pair.other) for pair in pairs])
    return Judged([pair.group for pair in pairs], cosines, same)


def _print(equal: Judged, different: Judged) -> None:
    print("by nearness alone | with words compared: share answered from the cache")
    print(f"{'floor':>30} " + " ".join(f"{floor:>15}" for floor in FLOORS))
    for title, judged in (("equal", equal), ("different", different)):
        for group in dict.fromkeys(judged.groups):
            some = judged.of(group)
            shares = [(some.share(floor, by_words=False), some.share(floor, by_words=True)) for floor in FLOORS]
            cells = " ".join(f"{alone:7.2%}|{words:7.2%}" for alone, words in shares)
            print(f"{title:>9} {group:>14} {len(some.groups):6} {cells}")
    hits = [different.share(floor, by_words=True) for floor in FLOORS]
    print(f"wrong with words compared, all different pairs: {', '.join(f'{hit:.3%}' for hit in hits)}")
    right, wrong = (int((one.same & (one.cosines >= NEAREST)).sum()) for one in (equal, different))
    print(
        f"at the floor in use, {NEAREST}: {right} right, {wrong} wrong; precision {right / max(1, right + wrong):.4f}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
