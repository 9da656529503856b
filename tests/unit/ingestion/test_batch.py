import json
from dataclasses import dataclass, field

import httpx
import pytest

from ragkeeper.cli.client import Client
from ragkeeper.cli.errors import ServerUnreachable
from ragkeeper.ingestion.batch import Batch
from ragkeeper.ingestion.errors import FileMissing
from ragkeeper.ingestion.folders import FoundFile, NotFound
from tests.unit.cli.server import document, problem


@dataclass
class FakeIntake:
    """Takes uploads as the server does; each look at a document moves it one step on."""

    steps: dict[str, list[str]] = field(default_factory=dict)
    known: set[bytes] = field(default_factory=set)
    requests: list[httpx.Request] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def client(self):
        return Client(httpx.Client(base_url="http://fake", transport=httpx.MockTransport(self.answer)))

    def answer(self, request):
        request.read()
        self.requests.append(request)
        if request.method == "POST":
            return self.accept(request.content)
        if request.url.path == "/api/v1/documents":
            return httpx.Response(200, json=self.page(int(request.url.params.get("cursor", 0))))
        return self.show(request.url.path.rpartition("/")[2])

    def accept(self, form):
        if b"too large" in form:
            return problem(413, "file_too_large", "Too large.", "Split it.")
        content = form.split(b"\r\n\r\n")[-1].split(b"\r\n")[0]
        duplicate = content in self.known
        self.known.add(content)
        document_id = f"d-{content.decode()}"
        if not duplicate:
            self.ids.insert(0, document_id)
        status = "accepted" if self.steps.get(document_id, ["ready"]) else "ready"
        return httpx.Response(202, json={"id": document_id, "duplicate": duplicate, "status": status})

    def page(self, begin):
        rows = [self.document(document_id) for document_id in self.ids[begin : begin + 500]]
        return {"items": rows, "next_cursor": str(begin + 500) if begin + 500 < len(self.ids) else None}

    def show(self, document_id):
        if document_id not in self.ids:
            return problem(404, "document_unknown", "Gone.", "Look.")
        return httpx.Response(200, json=self.document(document_id))

    def document(self, document_id):
        left = self.steps.setdefault(document_id, ["ready"])
        status = left.pop(0) if len(left) > 1 else left[0]
        error = {"code": "no_text", "message": "No text.", "fix": "OCR it."} if status == "failed" else None
        return document(document_id, status, version={"error": error})


@pytest.fixture
def intake():
    return FakeIntake()


def file(folder, name, content):
    path = folder / name
    path.write_text(content)
    return FoundFile(path, f"docs/{name}")


def follow(batch):
    waits = []
    batch.sleep = waits.append
    batch.follow(lambda: None)
    return waits


def test_files_are_sent_with_their_name_collection_and_metadata(tmp_path, intake):
    batch = Batch(intake.client(), "hr", {"year": 2024})
    batch.send([file(tmp_path, "a.md", "alpha")])
    form = intake.requests[0].content.decode()
    for part in ("docs/a.md", 'filename="a.md"', "hr", json.dumps({"year": 2024}), "alpha"):
        assert part in form
    assert batch.accepted == 1


def test_every_file_ends_in_exactly_one_count(tmp_path, intake):
    intake.steps = {"d-two": ["parsing", "searchable", "ready"], "d-bad": ["parsing", "failed"]}
    batch = Batch(intake.client())
    for name, content in {"1": "one", "2": "two", "3": "bad", "4": "too large", "5": "one"}.items():
        batch.send([file(tmp_path, name, content)])
    batch.send([NotFound("docs/6", FileMissing(reason="Permission denied"))])
    follow(batch)
    summary = batch.summary()
    assert (summary["accepted"], summary["duplicates"], summary["ready"]) == (3, 1, 2)
    assert [(item["name"], item["code"]) for item in summary["failed"]] == [
        ("docs/4", "file_too_large"),
        ("docs/6", "file_missing"),
        ("docs/3", "no_text"),
    ]
    assert all(item["message"] and item["fix"] for item in summary["failed"])


def test_a_file_that_vanishes_before_it_is_sent_is_told(tmp_path, intake):
    batch = Batch(intake.client())
    batch.send([FoundFile(tmp_path / "gone", "gone")])
    assert [item["code"] for item in batch.failed] == ["file_missing"]
    assert intake.requests == []


def test_many_documents_are_followed_by_pages(tmp_path, intake):
    batch = Batch(intake.client())
    for number in range(60):
        intake.steps[f"d-{number}"] = ["parsing", "ready"]
        batch.send([file(tmp_path, str(number), str(number))])
    intake.requests.clear()
    follow(batch)
    assert batch.ready == 60
    assert len(intake.requests) == 2


def test_a_document_that_is_deleted_meanwhile_does_not_wait_for_ever(tmp_path, intake):
    for count in (1, 60):
        batch = Batch(intake.client())
        for number in range(count):
            batch.send([file(tmp_path, str(number), f"{count}-{number}")])
        intake.ids.remove(f"d-{count}-0")
        follow(batch)
        assert [item["code"] for item in batch.failed] == ["document_unknown"]
        assert batch.ready == count - 1


def test_pauses_leave_the_server_most_of_its_time(tmp_path, intake):
    intake.steps["d-x"] = ["parsing", "parsing", "ready"]
    times = iter([0.0, 0.001, 10.0, 10.3, 20.0, 50.0])
    batch = Batch(intake.client(), clock=lambda: next(times))
    batch.send([file(tmp_path, "x", "x")])
    assert follow(batch) == [0.1, pytest.approx(3.0)]


def test_each_file_sent_is_counted_once_and_in_order(tmp_path, intake):
    counted = []
    batch = Batch(intake.client())
    files = [file(tmp_path, str(number), str(number)) for number in range(30)]
    batch.send([*files, NotFound("x", FileMissing(reason="gone"))], lambda: counted.append(batch.accepted))
    assert counted == [*range(1, 31), 30]
    assert list(batch.waiting.values()) == [found.name for found in files]


def test_a_server_that_goes_away_ends_the_batch(tmp_path):
    def gone(request):
        raise httpx.ConnectError("refused")

    batch = Batch(Client(httpx.Client(base_url="http://fake", transport=httpx.MockTransport(gone))))
    with pytest.raises(ServerUnreachable):
        batch.send([file(tmp_path, "a", "a")])
    assert batch.failed == []
