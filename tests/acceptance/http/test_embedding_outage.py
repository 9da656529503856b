"""An embedding endpoint that is away: documents are found by words, jobs say what they wait for, nothing is lost."""

from pathlib import Path

from tests.acceptance.background import in_background
from tests.acceptance.server import add_text, run, serving, wait_for, wait_until_ready
from tests.contract.embedding.standin import Reply, StandIn


def test_documents_wait_for_their_vectors_and_say_so(tmp_path: Path):
    with in_background(StandIn()) as standin:
        settings = {"RAG_EMBEDDING_MODEL": "openai:m", "RAG_EMBEDDING_BASE_URL": standin.base_url}
        with serving(tmp_path, settings) as server:
            standin.replies = [Reply(503)] * 10_000
            document = add_text(server, "Birds", "The zyxbird sings at night.")
            job = server.http.get("/api/v1/jobs").json()["items"][0]["id"]
            wait_for(lambda: server.http.get(f"/api/v1/jobs/{job}").json()["state"] == "waiting")
            waiting = server.http.get(f"/api/v1/jobs/{job}").json()
            assert waiting["reason"]
            assert waiting["until"]
            found = server.http.post("/api/v1/search", json={"query": "zyxbird", "mode": "lexical"}).json()["results"]
            assert [hit["document_id"] for hit in found] == [document]
            assert server.run("jobs", "list", "--state", "waiting").stdout.count(job) == 1
            standin.replies = []
            wait_until_ready(server, [document])
            assert server.http.get(f"/api/v1/jobs/{job}").json()["state"] == "done"


def test_a_server_starts_without_it_and_finds_by_words(tmp_path: Path):
    with in_background(StandIn()) as standin:
        settings = {
            "RAG_EMBEDDING_MODEL": "openai:m",
            "RAG_EMBEDDING_BASE_URL": standin.base_url,
            "RAG_BREAKER_OPEN_SECONDS": "1",
            "RAG_RETRY_SECONDS": "1",
        }
        with serving(tmp_path, settings) as server:
            wait_until_ready(server, [add_text(server, "Birds", "The zyxbird sings at night.")])
        standin.replies = [Reply(503)] * 10_000
        with serving(tmp_path, settings) as server:
            found = server.http.post("/api/v1/search", json={"query": "zyxbird"}).json()["results"]
            assert [hit["title"] for hit in found] == ["Birds"]
            later = add_text(server, "Fish", "The qopfish swims at noon.")
            wait_for(lambda: server.http.post("/api/v1/search", json={"query": "qopfish"}).json()["results"])
            wait_for(lambda: server.http.get(f"/api/v1/documents/{later}").json()["status"] == "searchable")
            standin.replies = []
            wait_until_ready(server, [later])


def test_a_first_start_without_it_needs_the_length_of_its_vectors(tmp_path: Path):
    with in_background(StandIn()) as standin:
        standin.replies = [Reply(503)] * 10_000
        settings = {"RAG_EMBEDDING_MODEL": "openai:m", "RAG_EMBEDDING_BASE_URL": standin.base_url}
        refused = run("serve", folder=tmp_path, environment=settings)
        assert refused.returncode == 3
        assert "dimension_unknown" in refused.stderr
        assert "RAG_EMBEDDING_DIMENSION" in refused.stderr
        with serving(tmp_path, settings | {"RAG_EMBEDDING_DIMENSION": "8"}) as server:
            wait_for(lambda: server.http.get("/health/ready").status_code == 200)
