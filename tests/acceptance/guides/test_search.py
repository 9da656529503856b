"""Search as the guides promise it."""

from pathlib import Path

import pytest

from tests.acceptance.guides.conftest import LIGHTHOUSES
from tests.acceptance.guides.texts import lighthouse
from tests.acceptance.server import Server, add_text, events, serving, wait_until_ready

SEARCH = "/api/v1/search"
FIELDS = {"document_id", "chunk_id", "title", "text", "page", "start", "end", "score", "scores"}


def test_g0_060_passages_are_embedded_and_found(server: Server):
    two = [server.http.post("/v1/embeddings", json={"model": "minilm", "input": "a silver bell"}) for _ in range(2)]
    assert two[0].json()["data"][0]["embedding"] == two[1].json()["data"][0]["embedding"]
    batch = server.http.post("/v1/embeddings", json={"model": "minilm", "input": ["a silver bell", "another"]})
    assert [item["index"] for item in batch.json()["data"]] == [0, 1]
    question = {"query": "In fog, someone struck a bell made of silver manually.", "top_k": 5}
    found = server.http.post(SEARCH, json=question).json()["results"]
    assert "Lighthouse 7" in [hit["title"] for hit in found]
    assert [hit["score"] for hit in found] == sorted((hit["score"] for hit in found), reverse=True)
    made = server.http.post("/api/v1/collections", json={"name": "empty"})
    assert made.status_code == 201
    assert server.http.post(SEARCH, json={**question, "collection": "empty"}).json()["results"] == []


def test_g3_011_a_request_sets_its_number_of_results(server: Server):
    for count in (3, 10):
        found = server.http.post(SEARCH, json={"query": "lighthouse keeper", "top_k": count}).json()["results"]
        assert len(found) == count
    for count in (0, 100_000):
        refused = server.http.post(SEARCH, json={"query": "lighthouse keeper", "top_k": count})
        assert refused.status_code == 422
        assert "top_k" in refused.text
    asked = {"message": "How many steps has the lighthouse of Reef 4?", "top_k": 3}
    sources = [data for name, data in events(server.http.post("/chat/stream", json=asked).text) if name == "sources"]
    assert [len(used) for used in sources] == [3]


@pytest.mark.timeout(120)
def test_g3_061_the_default_number_of_results_is_a_setting(tmp_path: Path):
    with serving(tmp_path / "a", {"RETRIEVAL_TOP_K": "15"}) as server:
        wait_until_ready(server, [add_text(server, f"L {number}", lighthouse(number)) for number in range(20)])
        assert len(server.http.get(SEARCH, params={"query": "lighthouse"}).json()["results"]) == 15
    for value in ("0", "x"):
        refused = server.run("serve", check=False, RETRIEVAL_TOP_K=value)
        assert refused.returncode != 0
        assert "RETRIEVAL_TOP_K" in refused.stdout + refused.stderr


def test_g4_046_ten_results_best_first_not_newest_first(server: Server):
    wait_until_ready(server, [add_text(server, "Newest", "A bell may also hang in a church. Lighthouses are towers.")])
    found = server.http.get(SEARCH, params={"query": "bell of pure silver rung by hand on foggy nights"}).json()
    assert found["results"][0]["title"] == "Lighthouse 7"
    assert len(server.http.get(SEARCH, params={"query": "lighthouse"}).json()["results"]) == 10


def test_g4_068_both_methods_give_the_same_results(server: Server):
    asked = {"query": "Which lamp burned whale oil?", "top_k": "7"}
    by_address = server.http.get(SEARCH, params=asked).json()
    by_body = server.http.post(SEARCH, json=asked).json()
    assert by_address["results"] == by_body["results"]
    assert len(by_body["results"]) == 7
    assert [hit for hit in by_body["results"] if not hit.keys() >= FIELDS] == []
    assert by_body["timings_ms"]
    for answer in (server.stranger.get(SEARCH, params=asked), server.stranger.post(SEARCH, json=asked)):
        assert answer.status_code == 401


@pytest.mark.timeout(300)
def test_g4_047_pages_skip_and_repeat_nothing(tmp_path: Path):
    """Walk the list while the documents change their status: every one comes once."""
    with serving(tmp_path) as server:
        added = {add_text(server, f"Note {number}", f"Note {number}: {lighthouse(number)}") for number in range(1000)}
        seen: list[str] = []
        cursor = None
        while cursor is not None or not seen:
            asked = {"limit": "100", **({"cursor": cursor} if cursor else {})}
            page = server.http.get("/api/v1/documents", params=asked).json()
            seen += [document["id"] for document in page["items"]]
            cursor = page["next_cursor"]
    assert len(added) == 1000
    assert sorted(seen) == sorted(added)


def test_there_are_more_lighthouses_than_a_page_of_results():
    assert LIGHTHOUSES > 10
