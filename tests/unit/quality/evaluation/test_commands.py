"""`ragkeeper eval` as typed: what it prints, where, and how it exits."""

import json
from pathlib import Path

import pytest

from ragkeeper.cli.app import run
from ragkeeper.quality.evaluation.commands import evaluation_commands
from tests.unit.quality.evaluation.fake_server import FakeServer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    texts = {"cats": "cats purr", "rain": "rain falls", "bread": "bread bakes"}
    _write(folder, "corpus.jsonl", [{"_id": name, "text": text} for name, text in texts.items()])
    _write(folder, "queries.jsonl", [{"_id": name, "text": text} for name, text in texts.items()])
    _write(folder, "qa.jsonl", [{"id": name, "question": text, "answers": [text]} for name, text in texts.items()])
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(f"{n}\t{n}\t1\n" for n in texts))
    return folder


def test_json_is_one_object_by_mode(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert evaluate(FakeServer(), "retrieval", folder, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["hybrid", "dense", "lexical", "conditions"]
    assert list(printed["hybrid"]) == ["ndcg@10", "recall@10", "recall@100", "mrr@10", "p50_ms", "p95_ms", "p99_ms"]
    assert printed["lexical"]["ndcg@10"] == 1.0


def test_a_table_shows_every_figure(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert evaluate(FakeServer(), "retrieval", folder, "--mode", "dense") == 0
    printed = capsys.readouterr()
    assert "ndcg@10" in printed.out
    assert "1.0000" in printed.out
    assert "documents 3" in printed.err


def test_documents_go_unless_they_are_kept(folder: Path):
    server = FakeServer()
    evaluate(server, "retrieval", folder)
    assert server.documents == {}
    evaluate(server, "retrieval", folder, "--keep")
    assert len(server.documents) == 3


def test_a_collection_that_was_named_stays(folder: Path):
    server = FakeServer()
    evaluate(server, "answers", folder, "--collection", "mine")
    assert (server.collections, len(server.documents)) == ({"mine"}, 3)


def test_a_fall_below_the_baseline_is_a_problem(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    saved = tmp_path / "saved.json"
    assert evaluate(FakeServer(), "retrieval", folder, "--save", saved) == 0
    assert evaluate(FakeServer(), "retrieval", folder, "--baseline", saved) == 0
    worse = FakeServer(unread={"cats"})
    worse._search = lambda query: []
    assert evaluate(worse, "retrieval", folder, "--baseline", saved, "--json") == 1
    printed = capsys.readouterr()
    assert "fell" in printed.err
    assert json.loads(printed.out[printed.out.rindex("\n{") :])["hybrid"]["ndcg@10"] == 0.0


def test_answers_are_compared_too(folder: Path, tmp_path: Path):
    saved = tmp_path / "saved.json"
    assert evaluate(FakeServer(), "answers", folder, "--foreign", folder, "--save", saved, "--most", "2") == 0
    assert evaluate(FakeServer(), "answers", folder, "--foreign", folder, "--baseline", saved, "--most", "2") == 0


@pytest.mark.parametrize("arguments", [["--mode", "best"], ["--baseline", "missing.json"]])
def test_misuse_is_told_before_anything_is_loaded(folder: Path, arguments: list[str]):
    server = FakeServer()
    assert evaluate(server, "retrieval", folder, *arguments) == 2
    assert server.uploads == []


def test_a_folder_without_a_set_is_misuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert evaluate(FakeServer(), "answers", tmp_path) == 2
    assert "qa.jsonl" in capsys.readouterr().err


def evaluate(server: FakeServer, *arguments: object) -> int:
    return run(evaluation_commands(server.connect), [str(argument) for argument in arguments])


def _write(folder: Path, name: str, rows: list[dict[str, object]]) -> None:
    (folder / name).write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
