"""`ragkeeper eval` against a real server: what a user types, and what comes back."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.server import Server, serving

TEXTS = {
    "cats": "Cats purr when they are content. A purr is a low hum that the larynx makes.",
    "rain": "Rain falls from clouds when droplets of water have grown too heavy to float.",
    "bread": "Bread is baked from flour, water, salt and yeast, which lets the dough rise.",
}
QUERIES = {"cats": "why do cats purr", "rain": "when does rain fall from clouds", "bread": "what is bread baked from"}
ANSWERS = {"cats": "when they are content", "rain": "too heavy to float", "bread": "flour, water, salt and yeast"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("evaluation")) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets") / "tiny"
    folder.mkdir()
    _write(folder, "corpus.jsonl", [{"_id": name, "title": name.title(), "text": TEXTS[name]} for name in TEXTS])
    _write(folder, "queries.jsonl", [{"_id": name, "text": QUERIES[name]} for name in TEXTS])
    _write(folder, "qa.jsonl", [{"id": name, "question": QUERIES[name], "answers": [ANSWERS[name]]} for name in TEXTS])
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(f"{n}\t{n}\t1\n" for n in TEXTS))
    return folder


def test_every_mode_finds_what_was_judged_relevant(server: Server, folder: Path):
    printed = json.loads(server.run("eval", "retrieval", str(folder), "--json").stdout)
    for mode in ("hybrid", "dense", "lexical"):
        assert printed[mode]["ndcg@10"] == 1.0
        assert 0 < printed[mode]["p50_ms"] <= printed[mode]["p95_ms"]
    assert printed["conditions"]["documents"] == 3


def test_nothing_stays_behind(server: Server, folder: Path):
    server.run("eval", "answers", str(folder))
    assert server.http.get("/api/v1/documents").json()["items"] == []
    assert server.http.get("/api/v1/conversations").json()["items"] == []


def test_answers_are_found_in_their_quotes(server: Server, folder: Path):
    printed = json.loads(server.run("eval", "answers", str(folder), "--json").stdout)
    assert printed["answers"]["span_hit_rate"] == 1.0
    assert printed["answers"]["citation_precision"] > 0


def test_a_baseline_of_the_same_server_holds(server: Server, folder: Path, tmp_path: Path):
    saved = tmp_path / "saved.json"
    server.run("eval", "retrieval", str(folder), "--mode", "lexical", "--save", str(saved))
    again = server.run("eval", "retrieval", str(folder), "--mode", "lexical", "--baseline", str(saved))
    assert "same  lexical ndcg@10" in again.stderr


def test_a_figure_that_fell_exits_with_one(server: Server, folder: Path, tmp_path: Path):
    saved = tmp_path / "better.json"
    saved.write_text(json.dumps({"lexical": {"ndcg@10": 1.5}}))
    fell = server.run("eval", "retrieval", str(folder), "--mode", "lexical", "--baseline", str(saved), check=False)
    assert fell.returncode == 1
    assert "fell  lexical ndcg@10" in fell.stderr


def test_a_folder_that_is_no_set_is_misuse(server: Server, tmp_path: Path):
    refused = server.run("eval", "retrieval", str(tmp_path), check=False)
    assert refused.returncode == 2
    assert "evaluation_set_unreadable" in refused.stderr


def _write(folder: Path, name: str, rows: list[dict[str, object]]) -> None:
    (folder / name).write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
