"""Real 10-Q PDFs ingested whole, and whether a question finds the file it is about.

    python -m bench.docugami [--mode hybrid] [--json]

Uploads the 20 PDFs of `docugami-sec10q` to a server of its own with default settings, asks its 195 questions, and
counts those with a right source file among the first five distinct documents of the search (`success@5`; several files
are right for most questions, and `recall@5` is the share of them found). Shown by kind of question.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.conditions import print_conditions
from bench.prepared import DATA
from bench.server import serving
from ragkeeper.cli.client import Client
from ragkeeper.quality.evaluation import repository, rules
from ragkeeper.quality.evaluation.models import RetrievalSet
from ragkeeper.quality.evaluation.service import EvaluationService

FOLDER = DATA / "docugami-sec10q"
DEPTH = 5
_DEEPEST = 200


@dataclass(frozen=True, slots=True)
class Found:
    """One question: its kind, whether a right file was among the first five, the share of them found, where first."""

    kind: str
    success: float
    recall: float
    reciprocal_rank: float


def main() -> int:
    options = _options()
    if not FOLDER.exists():
        print(f"no data at {FOLDER}")
        return 0 if options.self_check else 3
    judged = repository.read_retrieval_set(FOLDER)
    if options.self_check:
        judged = _smallest(judged)
    kinds = _kinds()
    with (
        tempfile.TemporaryDirectory(prefix="ragkeeper-bench-") as name,
        serving(Path(name)) as server,
        server.client() as client,
    ):
        seconds, failed = _ingest(client, judged)
        found = [_ask(client, judged, query, kinds[query], options.mode) for query in judged.queries]
    figures = {"all": _figures(found)} | {
        kind: _figures([one for one in found if one.kind == kind]) for kind in sorted({one.kind for one in found})
    }
    if options.json:
        print(json.dumps({"documents": len(judged.corpus.documents), "failed": failed, "figures": figures}))
    else:
        print_conditions("kreuzberg", "qdrant-edge-py", "onnxruntime")
        print(f"{len(judged.corpus.documents)} PDFs ready after {seconds:.1f} s, {failed} not read; {options.mode}")
        print("\n".join(f"{kind:30} " + _line(values) for kind, values in figures.items()))
    return int(failed > 0 or (options.self_check and figures["all"][f"success@{DEPTH}"] < 1))


def _ingest(client: Client, judged: RetrievalSet) -> tuple[float, int]:
    """Seconds until all are ready, and how many could not be read."""
    began = time.perf_counter()
    service = EvaluationService(client, lambda _what, _done, _total: None)
    failed = service.load(judged.corpus, judged.corpus.collection)
    return time.perf_counter() - began, failed


def _ask(client: Client, judged: RetrievalSet, query: str, kind: str, mode: str) -> Found:
    ids = {document.name: document.ids for document in judged.corpus.documents}
    body = {"query": judged.queries[query], "collection": judged.corpus.collection, "mode": mode, "top_k": _DEEPEST}
    hits = client.post("/api/v1/search", body)["results"]
    ranking, grades = rules.fold((hit["name"] for hit in hits), ids), judged.judgements[query]
    recall = rules.recall(ranking, grades, DEPTH)
    return Found(kind, float(recall > 0), recall, rules.reciprocal_rank(ranking, grades, len(ids)))


def _kinds() -> Mapping[str, str]:
    rows: list[dict[str, Any]] = [
        json.loads(line) for line in (FOLDER / "qa.jsonl").read_text(encoding="utf-8").split("\n") if line
    ]
    return {row["id"]: row.get("type", "question") for row in rows}


def _figures(found: Sequence[Found]) -> dict[str, float]:
    return {
        "questions": len(found),
        f"success@{DEPTH}": round(statistics.mean(one.success for one in found), 4),
        f"recall@{DEPTH}": round(statistics.mean(one.recall for one in found), 4),
        "mrr": round(statistics.mean(one.reciprocal_rank for one in found), 4),
    }


def _line(values: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value}" for name, value in values.items())


def _smallest(judged: RetrievalSet) -> RetrievalSet:
    """The smallest PDF and two questions about it."""
    sizes = {one: one.file.stat().st_size for one in judged.corpus.documents if one.file}
    smallest = min(sizes, key=lambda one: sizes[one])
    about = [query for query, grades in judged.judgements.items() if grades.get(smallest.ids[0], 0) > 0][:2]
    corpus = type(judged.corpus)("smallest", "0", (smallest,))
    return RetrievalSet(
        corpus,
        {query: judged.queries[query] for query in about},
        {query: {smallest.ids[0]: 1} for query in about},
        0,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mode", choices=("hybrid", "dense", "lexical"), default="hybrid")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
