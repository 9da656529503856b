"""`kill -9` of the whole server while it ingests: what it acknowledged is there afterwards, once, and found."""

import random
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.acceptance.server import Server, serving, wait_for

DOCUMENTS = 40


def send(server: Server, number: int) -> str | None:
    """Upload one document; its id if the server said that it has it."""
    text = f"Machine number{number} stands in hall {number % 7}. " + "It hums. " * (number * 5)
    try:
        answer = server.http.post("/api/v1/documents", files={"file": (f"{number}.md", text.encode())}, timeout=5)
    except httpx.TransportError:
        return None
    return str(answer.json()["id"]) if answer.status_code == 202 else None


def settled(server: Server) -> bool:
    queue = server.http.get("/status").json()["queue"]
    return not any(queue.values())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path, seed: int) -> None:
    wait = random.Random(seed).uniform(0.05, 1.5)  # noqa: S311 - a reproducible moment
    acknowledged: dict[int, str] = {}
    with serving(tmp_path) as server:
        for number in range(DOCUMENTS):
            if found := send(server, number):
                acknowledged[number] = found
        time.sleep(wait)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    assert acknowledged

    with serving(tmp_path) as server:
        wait_for(lambda: settled(server), 60)
        listed = server.http.get("/api/v1/documents", params={"limit": 500}).json()["items"]
        assert sorted(item["id"] for item in listed) == sorted(acknowledged.values())
        assert {item["status"] for item in listed} == {"ready"}
        status = server.http.get("/status").json()
        assert status["index"]["chunks"] == status["index"]["vectors"] == status["documents"]["chunks"]
        for number, document_id in list(acknowledged.items())[::5]:
            query = {"query": f"machine number{number}", "mode": "lexical", "top_k": 3}
            results = server.http.post("/api/v1/search", json=query).json()["results"]
            assert results[0]["document_id"] == document_id
            assert sum(result["document_id"] == document_id for result in results) == 1
