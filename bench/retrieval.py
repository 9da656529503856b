"""How well searches find what was judged relevant, by mode, on every set; hybrid against the better of its two engines.

    python -m bench.retrieval [--set scifact …] [--data FOLDER] [--json]
    python -m bench.retrieval --weight 0.6 --weight 0.7 … [--set scifact …] [--data FOLDER]

Runs `ragkeeper eval retrieval` against a server of its own with default settings. `--data` keeps the loaded corpora in
FOLDER for the next run (a change in parsing, chunking or embedding needs a fresh one). A set where hybrid is more than
0.01 nDCG@10 below the better engine is flagged, and the program exits 1. Target: scifact at least 0.735. Each set has a
server and an index of its own, because BM25 counts words over all that an index holds: beside others SciFact loses .01.

`--weight` prints instead what hybrid reaches with each weight of the vectors, over all queries and over each half of
them (every second one), so that a weight chosen on one half is judged by the other.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.conditions import print_conditions
from bench.server import serving
from ragkeeper.cli.client import Client
from ragkeeper.quality.evaluation import repository
from ragkeeper.quality.evaluation.models import Report
from ragkeeper.quality.evaluation.service import MODES, EvaluationService

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
SETS = ("scifact", "medquad-liveqa", "covid-qa", "xquad/en", "xquad/de", "xquad/es", "docugami-sec10q")
FIGURES = ("ndcg@10", "recall@10", "recall@100", "mrr@10", "p50_ms", "p95_ms")
SCIFACT_TARGET = 0.735
TOLERANCE = 0.01


def main() -> int:
    options = _options()
    if options.self_check:
        return _self_check()
    if not DATA.exists():
        print(f"no data at {DATA}")
        return 3
    if not options.json:
        print_conditions("qdrant-edge-py", "onnxruntime", "tokenizers", "kreuzberg")
    verdicts: list[str] = []
    if options.weight:
        _compare_weights(options)
        return 0
    with _folder(options.data) as folder:
        for name in options.set or SETS:
            with _own_server(folder, name, _settings(options.setting)) as client:
                report = measure(client, DATA / name)
            verdicts.append(_verdict(name, report))
            print(_line(name, report, verdicts[-1], as_json=options.json), flush=True)
    return int(any(verdicts))


def _compare_weights(options: argparse.Namespace) -> None:
    with _folder(options.data) as folder:
        for weight in options.weight:
            chosen = {"RAG_FUSION_DENSE_WEIGHT": str(weight)}
            for name in options.set or SETS:
                with _own_server(folder, name, _settings(options.setting) | chosen) as client:
                    report = measure(client, DATA / name, ("hybrid",))
                print(f"weight {weight:4} {name:16} {_halves(report)}", flush=True)


@contextmanager
def _own_server(folder: Path, name: str, settings: dict[str, str]) -> Iterator[Client]:
    with serving(folder / name.replace("/", "-"), settings) as server, server.client() as client:
        yield client


def _halves(report: Report) -> str:
    """nDCG@10 of hybrid over all queries and over each half of them."""
    values = [value for value, _ in report.samples["hybrid"]["ndcg@10"].values()]
    all_of_them, first, second = (statistics.mean(some) for some in (values, values[::2], values[1::2]))
    return f"ndcg@10 {all_of_them:.4f}  halves {first:.4f} {second:.4f}"


def measure(client: Client, folder: Path, modes: Sequence[str] = MODES) -> Report:
    judged = repository.read_retrieval_set(folder)
    service = EvaluationService(client, _progress)
    failed = service.load(judged.corpus, judged.corpus.collection)
    if failed:
        sys.stderr.write(f"{folder.name}: {failed} documents could not be read\n")
    return service.retrieval(judged, judged.corpus.collection, modes)


def _verdict(name: str, report: Report) -> str:
    """What is wrong, empty when nothing is."""
    ndcg = {mode: report.figures[mode]["ndcg@10"] for mode in MODES}
    if ndcg["hybrid"] < max(ndcg["dense"], ndcg["lexical"]) - TOLERANCE:
        return "hybrid is below its better engine"
    if name == "scifact" and ndcg["hybrid"] < SCIFACT_TARGET:
        return f"below the target {SCIFACT_TARGET}"
    return ""


def _line(name: str, report: Report, verdict: str, *, as_json: bool) -> str:
    if as_json:
        return json.dumps({"set": name, "verdict": verdict or "fine", **repository.as_json(report)})
    rows = [
        f"{name:16} {mode:8} " + " ".join(f"{figure} {report.figures[mode].get(figure, 0):7.3f}" for figure in FIGURES)
        for mode in MODES
    ]
    return "\n".join([*rows, f"{name:16} {verdict or 'fine'}"])


def _progress(what: str, done: int, total: int) -> None:
    if done == total or done % 1000 == 0:
        sys.stderr.write(f"\r{what} {done}/{total}   ")


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept:
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="ragkeeper-bench-") as folder:
        yield Path(folder)


def _settings(pairs: list[str]) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in pairs)


def _self_check() -> int:
    """Three documents and three queries that each name one of them: every mode finds them all first."""
    with tempfile.TemporaryDirectory(prefix="ragkeeper-bench-") as name:
        folder = Path(name) / "tiny"
        _write_tiny_set(folder)
        with serving(Path(name) / "server") as server, server.client() as client:
            report = measure(client, folder)
    found = {mode: report.figures[mode]["ndcg@10"] for mode in MODES}
    print(found)
    return int(set(found.values()) != {1.0} or any(report.figures[mode]["p50_ms"] <= 0 for mode in MODES))


def _write_tiny_set(folder: Path) -> None:
    folder.mkdir(parents=True)
    texts = {
        "cats": "Cats purr when they are content, and sleep most of the day.",
        "rain": "Rain falls from clouds when water droplets grow heavy.",
        "bread": "Bread is baked from flour, water, salt and yeast.",
    }
    queries = {"cats": "why do cats purr", "rain": "rain from clouds", "bread": "baking bread with yeast"}
    corpus = [{"_id": name, "title": "", "text": text} for name, text in texts.items()]
    asked = [{"_id": f"q-{name}", "text": text} for name, text in queries.items()]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)), encoding="utf-8")
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, asked)), encoding="utf-8")
    lines = ["query-id\tcorpus-id\tscore", *(f"q-{name}\t{name}\t1" for name in texts)]
    (folder / "qrels.tsv").write_text("\n".join(lines), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--set", action="append", choices=SETS)
    parser.add_argument("--data", type=Path, help="keep the loaded corpora in this folder")
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE", help="a setting of the server")
    parser.add_argument("--weight", action="append", type=float, help="compare these weights of the vectors")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
