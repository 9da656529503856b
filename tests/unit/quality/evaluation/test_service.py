"""What an evaluation asks of a server, and what it makes of the answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ragkeeper.cli.errors import CommandFailed
from ragkeeper.quality.evaluation.errors import CorpusNotLoaded
from ragkeeper.quality.evaluation.models import Corpus, CorpusDocument, Question, QuestionSet, RetrievalSet
from ragkeeper.quality.evaluation.service import EvaluationService
from tests.unit.quality.evaluation.fake_server import FakeServer

TEXTS = {"cats": "cats purr softly", "rain": "rain falls softly", "bread": "bread is baked"}
CORPUS = Corpus("tiny", "0", tuple(CorpusDocument(name, (name,), name.title(), text) for name, text in TEXTS.items()))


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def service(server: FakeServer) -> Iterator[EvaluationService]:
    with server.connect() as client:
        yield EvaluationService(client, lambda _what, _done, _total: None)


def test_loading_makes_the_collection_and_uploads_what_it_lacks(server: FakeServer, service: EvaluationService):
    assert service.load(CORPUS, "mine") == 0
    service.load(CORPUS, "mine")
    assert server.collections == {"mine"}
    assert sorted(server.uploads) == ["bread", "cats", "rain"]


def test_loading_waits_for_every_stage(server: FakeServer, service: EvaluationService):
    server.pending = ["accepted", "searchable"]
    service.load(CORPUS, "mine")
    assert server.pending == []


def test_loading_counts_what_could_not_be_read(server: FakeServer, service: EvaluationService):
    server.unread = {"rain"}
    assert service.load(CORPUS, "mine") == 1


def test_a_corpus_of_which_nothing_can_be_read_is_an_error(server: FakeServer, service: EvaluationService):
    server.unread = set(TEXTS)
    with pytest.raises(CorpusNotLoaded, match="it is broken"):
        service.load(CORPUS, "mine")


def test_files_are_uploaded_as_they_are(server: FakeServer, service: EvaluationService, tmp_path: Path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF \xff")
    service.load(Corpus("files", "0", (CorpusDocument("a.pdf", ("a",), "", "", tmp_path / "a.pdf"),)), "mine")
    assert server.uploads == ["a.pdf"]


def test_removing_leaves_no_document(server: FakeServer, service: EvaluationService):
    service.load(CORPUS, "mine")
    service.remove("mine")
    assert server.documents == {}


def test_retrieval_scores_each_mode(server: FakeServer, service: EvaluationService):
    service.load(CORPUS, "mine")
    judgements = {"q1": {"cats": 1}, "q2": {"bread": 1}, "q3": {"rain": 1}}
    queries = {"q1": "purr", "q2": "unheard", "q3": "softly"}
    report = service.retrieval(RetrievalSet(CORPUS, queries, judgements, 0), "mine", ["hybrid", "dense"])
    assert list(report.figures) == ["hybrid", "dense"]
    assert report.figures["dense"]["mrr@10"] == pytest.approx((1 + 0 + 1 / 2) / 3)
    assert report.figures["dense"]["p95_ms"] > 0
    assert report.samples["hybrid"]["recall@10"] == {"q1": (1.0, 1.0), "q2": (0.0, 1.0), "q3": (1.0, 1.0)}
    assert report.conditions["embedding_model"] == "fake"


def test_quality_is_judged_deep_and_latency_as_users_search(server: FakeServer, service: EvaluationService):
    service.load(CORPUS, "mine")
    service.retrieval(RetrievalSet(CORPUS, {"q1": "purr"}, {"q1": {"cats": 1}}, 0), "mine", ["lexical"])
    plain = {"query": "purr", "collection": "mine", "mode": "lexical"}
    assert server.searches == [plain | {"top_k": 200}, plain]


def test_answers_are_checked_and_their_conversations_removed(server: FakeServer, service: EvaluationService):
    service.load(CORPUS, "mine")
    questions = (Question("1", "who can purr", ("cats",)), Question("2", "what is baked", ("pizza",)))
    report = service.answers(QuestionSet(CORPUS, questions), [Question("f", "foreign", ())], "mine")
    figures = report.figures["answers"]
    assert figures["span_hit_rate"] == 0.5
    assert figures["citation_precision"] == 0.5
    assert (figures["refusal_precision"], figures["refusal_recall"], figures["auroc"]) == (1.0, 1.0, 1.0)
    assert server.conversations == 0


def test_without_foreign_questions_refusals_are_not_judged(service: EvaluationService):
    service.load(CORPUS, "mine")
    report = service.answers(QuestionSet(CORPUS, (Question("1", "purr", ("cats",)),)), (), "mine")
    assert not {"refusal_recall", "auroc"} & set(report.figures["answers"])


def test_the_first_refused_upload_ends_it(server: FakeServer):
    server.answer = _refusing(server)  # type: ignore[method-assign]
    with server.connect() as client, pytest.raises(CommandFailed):
        EvaluationService(client, lambda _what, _done, _total: None).load(CORPUS, "mine")


def _refusing(server: FakeServer):
    answer = server.answer

    def refuse(request):
        response = answer(request)
        if request.method == "POST" and request.url.path == "/api/v1/documents":
            response.status_code = 507
        return response

    return refuse
