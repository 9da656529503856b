"""Jobs as the guides promise them, and as an operator needs them."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.acceptance.server import Server, add_text, events, serving, wait_for, wait_until_ready
from tests.machine import require_data

_PDF = "docugami-sec10q/pdf/2022 Q3 INTC.pdf"
_JOBS = "/api/v1/jobs"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("jobs")) as running:
        yield running


def test_g4_053_a_job_shows_its_four_stages_in_order(server: Server) -> None:
    body = {"title": "Stages", "text": "A text about the stages of a job. " * 200}
    accepted = server.http.post("/api/v1/documents", json=body).json()
    followed = events(server.http.get(f"{_JOBS}/{accepted['job_id']}/events").text)
    assert {name for name, _ in followed} == {"progress"}
    texts = {
        0: "Starting processing...",
        30: "Document chunked",
        70: "Embeddings generated",
        100: "Processing complete",
    }
    stages = [(job["current"], job["message"]) for _, job in followed if job["current"] in texts]
    assert list(dict.fromkeys(stages)) == list(texts.items())
    assert {job["total"] for _, job in followed} == {100}
    last = followed[-1][1]
    assert (last["state"], last["document_id"]) == ("done", accepted["id"])
    assert server.http.get(f"{_JOBS}/{accepted['job_id']}").json() == last
    shown = json.loads(server.run("jobs", "watch", accepted["job_id"], "--json").stdout)
    assert (shown["current"], shown["message"]) == (100, "Processing complete")


def test_cancelling_stops_the_reading_of_a_large_file_within_two_seconds(server: Server) -> None:
    with require_data(_PDF).open("rb") as content:
        accepted = server.http.post("/api/v1/documents", files={"file": ("large.pdf", content)}).json()
    job = f"{_JOBS}/{accepted['job_id']}"
    wait_for(lambda: server.http.get(job).json()["state"] == "running")
    began = time.monotonic()
    cancelled = server.http.post(f"{job}/cancel").json()
    assert time.monotonic() - began < 2
    assert cancelled["state"] == "cancelled"
    # The reader that was stopped is replaced: other files are read.
    wait_until_ready(server, [add_text(server, "After", "Words after the cancelled file.")])
    assert server.http.get(job).json()["state"] == "cancelled"
    assert server.http.post(f"{job}/cancel").json()["code"] == "nothing_to_cancel"


def test_a_paused_server_accepts_and_says_why_nothing_happens(server: Server) -> None:
    server.run("jobs", "pause")
    document = add_text(server, "Later", "Words for later.")
    [job] = server.http.get(_JOBS, params={"state": "queued"}).json()["items"]
    assert (job["document_id"], job["position"]) == (document, 1)
    assert "paused" in job["reason"]
    assert "paused" in server.run("jobs", "why", job["id"]).stdout
    server.run("jobs", "resume")
    wait_until_ready(server, [document])


def test_failures_are_listed_with_what_to_do_and_tried_again(server: Server) -> None:
    sent = server.http.post("/api/v1/documents", files={"file": ("broken.pdf", b"%PDF-1.7 broken")}).json()
    job = f"{_JOBS}/{sent['job_id']}"
    wait_for(lambda: server.http.get(job).json()["state"] == "failed")
    [failed] = server.http.get(_JOBS, params={"state": "failed"}).json()["items"]
    assert failed["error"]["fix"]
    assert server.http.post(f"{_JOBS}/retry", json={"code": failed["error"]["code"]}).json() == {"retried": 1}
    wait_for(lambda: len(server.http.get(f"{job}/history").json()["attempts"]) == 2)
    wait_for(lambda: server.http.get(job).json()["state"] == "failed")
    assert failed["error"]["code"] in server.run("jobs", "why", sent["job_id"]).stdout


def test_what_failed_is_discarded_for_good_and_an_earlier_version_stays(server: Server) -> None:
    lasting = add_text(server, "Kept", "Lasting words of the first version.", name="kept.pdf")
    wait_until_ready(server, [lasting])
    broken = {"file": ("kept.pdf", b"%PDF-1.7 broken again")}
    second = server.http.post("/api/v1/documents", files=broken, data={"name": "kept.pdf"}).json()
    assert second["id"] == lasting
    job = f"{_JOBS}/{second['job_id']}"
    wait_for(lambda: server.http.get(job).json()["state"] == "failed")
    assert server.run("jobs", "discard", second["job_id"], check=False).returncode != 0, "it asked nobody"
    assert "earlier version" in server.run("jobs", "discard", second["job_id"], "--yes").stdout
    assert server.http.get(job).status_code == 404
    document = server.http.get(f"/api/v1/documents/{lasting}").json()
    assert (document["status"], document["version"]["number"]) == ("ready", 1)
    alone = server.http.post("/api/v1/documents", files={"file": ("alone.pdf", b"%PDF-1.7 alone")}).json()
    wait_for(lambda: server.http.get(f"{_JOBS}/{alone['job_id']}").json()["state"] == "failed")
    discarded = server.http.post(f"{_JOBS}/{alone['job_id']}/discard").json()
    receipt = server.http.get(f"/api/v1/deletions/{discarded['deletion']}").json()
    assert (receipt["documents"], receipt["originals_removed"]) == (1, 1)
    assert server.http.post(f"{_JOBS}/{document['version']['id']}/discard").json()["code"] == "job_not_discardable"
