"""Extractive answers: is the gold answer inside the quotes, and is what the documents cannot answer refused.

    python -m bench.answers [--set xquad/en …] [--most 300] [--data FOLDER] [--json]

Runs `ragkeeper eval answers` against a server of its own without a model. The baseline quotes the first three sentences
of the best hit of the same search. Questions of another set in the same language serve as foreign ones: they are asked
of these documents and must be refused. Targets: xquad/en and covid-qa at least 15 points above the baseline, AUROC of
the confidence at least 0.85.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.conditions import print_conditions
from bench.prepared import DATA
from bench.server import serving
from ragkeeper.cli.client import Client
from ragkeeper.core.sentences import sentence_spans
from ragkeeper.quality.evaluation import repository, rules
from ragkeeper.quality.evaluation.models import Question, QuestionSet
from ragkeeper.quality.evaluation.service import EvaluationService

# Each set with the one whose questions are foreign to it. There is no other set in German or Spanish.
SETS = {"xquad/en": "covid-qa", "covid-qa": "xquad/en", "xquad/de": None, "xquad/es": None}
TARGETED = ("xquad/en", "covid-qa")
POINTS, AUROC = 0.15, 0.85
_PASSAGES = 8
_QUOTED = 3


def main() -> int:
    options = _options()
    if options.self_check:
        return _self_check()
    if not DATA.exists():
        print(f"no data at {DATA}")
        return 3
    if not options.json:
        print_conditions("qdrant-edge-py", "onnxruntime", "tokenizers")
    missed = []
    with _folder(options.data) as folder, serving(folder) as server, server.client() as client:
        for name in options.set or SETS:
            asked = repository.first_questions(repository.read_question_set(DATA / name), options.most)
            other = SETS[name]
            foreign = repository.read_questions(DATA / other)[: options.most] if other else ()
            figures = measure(client, asked, foreign)
            missed.append(name in TARGETED and _misses(figures))
            print(_text(name, figures, as_json=options.json), flush=True)
    return int(any(missed))


def measure(client: Client, asked: QuestionSet, foreign: tuple[Question, ...]) -> dict[str, float]:
    """The figures of the answers, with the baseline's hit rate and the points between the two."""
    service = EvaluationService(client, _progress)
    service.load(asked.corpus, asked.corpus.collection)
    figures = dict(service.answers(asked, foreign, asked.corpus.collection).figures["answers"])
    figures["baseline_span_hit_rate"], figures["baseline_characters"] = _baseline(client, asked)
    figures["above_baseline"] = figures["span_hit_rate"] - figures["baseline_span_hit_rate"]
    return figures | {"questions": len(asked.questions), "foreign": len(foreign)}


def _baseline(client: Client, asked: QuestionSet) -> tuple[float, float]:
    """Hit rate and mean length of the quotes that open the best hit."""
    found, lengths = [], []
    for question in asked.questions:
        if question.answers:
            body = {"query": question.text, "collection": asked.corpus.collection, "top_k": _PASSAGES}
            hits = client.post("/api/v1/search", body)["results"]
            quote = _opening(hits[0]["text"]) if hits else ""
            found.append(rules.contains_answer(quote, question.answers))
            lengths.append(len(quote))
    return statistics.mean(found), statistics.mean(lengths)


def _opening(text: str) -> str:
    spans = sentence_spans(text)[:_QUOTED]
    return text[spans[0][0] : spans[-1][1]] if spans else ""


def _misses(figures: dict[str, float]) -> bool:
    return figures["above_baseline"] < POINTS or figures.get("auroc", 1.0) < AUROC


def _text(name: str, figures: dict[str, float], *, as_json: bool) -> str:
    rounded = {figure: round(value, 4) for figure, value in figures.items()}
    if as_json:
        return json.dumps({"set": name} | rounded)
    return "\n".join([name, *(f"  {figure:24} {value:10.4g}" for figure, value in rounded.items())])


def _progress(what: str, done: int, total: int) -> None:
    if done == total or done % 200 == 0:
        sys.stderr.write(f"\r{what} {done}/{total}   ")


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept:
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="ragkeeper-bench-") as folder:
        yield Path(folder)


def _self_check() -> int:
    """Of two questions, one is answered by the documents: the hit rate is between the two, and so is the baseline's."""
    with tempfile.TemporaryDirectory(prefix="ragkeeper-bench-") as name:
        folder = Path(name) / "tiny"
        _write_tiny_set(folder)
        with serving(Path(name) / "server") as server, server.client() as client:
            figures = measure(client, repository.read_question_set(folder), (Question("f", "Who won the cup?", ()),))
    print(figures)
    return int(figures["baseline_span_hit_rate"] != 0.5 or not 0 <= figures["span_hit_rate"] <= 0.5)


def _write_tiny_set(folder: Path) -> None:
    folder.mkdir(parents=True)
    text = "The mill of Hartwick was built in 1764 by the miller Anna Roth. It ground rye until 1911."
    rows = [
        {"id": "q1", "question": "When was the mill of Hartwick built?", "answers": ["1764"]},
        {"id": "q2", "question": "Who painted the mill of Hartwick?", "answers": ["Johan Dahl"]},
    ]
    (folder / "corpus.jsonl").write_text(json.dumps({"_id": "mill", "text": text}), encoding="utf-8")
    (folder / "qa.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--set", action="append", choices=tuple(SETS))
    parser.add_argument("--most", type=int, help="only the first so many questions of each set")
    parser.add_argument("--data", type=Path, help="keep the loaded corpora in this folder")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
