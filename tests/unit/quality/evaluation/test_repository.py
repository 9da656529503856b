"""Reading evaluation sets and reports."""

import json
import math
from pathlib import Path

import pytest

from ragkeeper.quality.evaluation import repository
from ragkeeper.quality.evaluation.errors import BaselineUnreadable, SetUnreadable
from ragkeeper.quality.evaluation.models import Question, Report

CORPUS = [
    {"_id": "1", "title": "Cats", "text": "They purr."},
    {"_id": "2", "title": "", "text": "Rain falls."},
    {"_id": "3", "title": "Cats", "text": "They purr."},
    {"_id": "4", "title": "Dogs", "text": "Dogs bark."},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "corpus.jsonl", CORPUS)
    write(tmp_path, "queries.jsonl", [{"_id": "q1", "text": "purr?"}, {"_id": "q2", "text": "?"}])
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\t1\t2\nq1\t2\t0\nq2\t2\t0\nq9\t2\t1\n")
    write(tmp_path, "qa.jsonl", [{"id": 7, "question": "Who?", "answers": ["cats"], "context_id": "1"}])
    return tmp_path


def test_equal_texts_become_one_document(folder: Path):
    documents = repository.read_corpus(folder).documents
    assert [(document.name, document.ids) for document in documents] == [
        ("1", ("1", "3")),
        ("2", ("2",)),
        ("4", ("4",)),
    ]
    assert [document.text for document in documents] == ["Cats\n\nThey purr.", "Rain falls.", "Dogs bark."]


def test_queries_without_a_relevant_document_are_left_out_and_counted(folder: Path):
    judged = repository.read_retrieval_set(folder)
    assert judged.queries == {"q1": "purr?"}
    assert judged.judgements == {"q1": {"1": 2, "2": 0}}
    assert judged.unjudged == 1


def test_a_file_named_by_the_id_takes_the_place_of_the_text(folder: Path):
    (folder / "pdf").mkdir()
    (folder / "pdf/2.pdf").write_bytes(b"%PDF")
    second = repository.read_corpus(folder).documents[1]
    assert (second.name, second.ids, second.file) == ("2.pdf", ("2",), folder / "pdf/2.pdf")


def test_the_collection_changes_with_the_content(folder: Path):
    before = repository.read_corpus(folder).collection
    write(folder, "corpus.jsonl", [*CORPUS, {"_id": "5", "text": "more"}])
    assert repository.read_corpus(folder).collection != before
    assert before.startswith(f"eval-{folder.name}-")


def test_a_language_folder_is_named_with_its_parent(folder: Path):
    target = folder / "xquad" / "en"
    target.mkdir(parents=True)
    write(target, "corpus.jsonl", CORPUS)
    assert repository.read_corpus(target).name == "xquad-en"


def test_questions_are_read(folder: Path):
    asked = repository.read_question_set(folder)
    assert asked.questions == (Question("7", "Who?", ("cats",)),)
    assert repository.first_questions(asked, 0).questions == ()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("corpus.jsonl", None, "corpus.jsonl is missing"),
        ("corpus.jsonl", "", "holds no document"),
        ("corpus.jsonl", "{", "line 1 is not JSON"),
        ("queries.jsonl", '{"_id": "1"}', "line 1 lacks one of _id, text"),
        ("queries.jsonl", "[]", "line 1 lacks"),
        ("qrels.tsv", "head\nq1\t1\tmuch\n", "qrels.tsv line 2"),
        ("qrels.tsv", "head\nq1\t1\t0\n", "judges no document relevant"),
    ],
)
def test_a_set_that_cannot_be_read_says_why(folder: Path, name: str, content: str | None, reason: str):
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(SetUnreadable, match=reason):
        repository.read_retrieval_set(folder)


def test_a_question_set_needs_questions(folder: Path):
    (folder / "qa.jsonl").write_text("")
    with pytest.raises(SetUnreadable, match="holds no question"):
        repository.read_questions(folder)


def test_a_report_comes_back_with_its_samples(tmp_path: Path):
    report = Report(
        {"hybrid": {"ndcg@10": 0.73456, "mrr@10": math.nan}}, {"cores": 2}, {"hybrid": {"ndcg@10": {"q": (1, 2)}}}
    )
    repository.write_report(report, tmp_path / "saved.json")
    found = repository.read_report(tmp_path / "saved.json")
    assert found.figures["hybrid"]["ndcg@10"] == 0.7346
    assert math.isnan(found.figures["hybrid"]["mrr@10"])
    assert found.samples["hybrid"]["ndcg@10"] == {"q": [1, 2]}
    assert repository.as_json(report) == {"hybrid": {"ndcg@10": 0.7346, "mrr@10": None}, "conditions": {"cores": 2}}


@pytest.mark.parametrize("content", [None, "{", "[1]", '{"hybrid": 3}', '{"hybrid": {"ndcg@10": "high"}}'])
def test_a_baseline_that_cannot_be_read_says_so(tmp_path: Path, content: str | None):
    file = tmp_path / "baseline.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BaselineUnreadable, match=r"baseline\.json"):
        repository.read_report(file)


def write(folder: Path, name: str, rows: list[dict[str, object]]) -> None:
    (folder / name).write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
