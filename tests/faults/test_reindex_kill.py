"""`kill -9` while the index is built anew: the old one serves on, the job goes on, and nothing is left over."""

import random
import signal
import time
from pathlib import Path

import pytest

from tests.acceptance.background import in_background
from tests.acceptance.server import add_text, serving, wait_for, wait_until_ready
from tests.contract.embedding.standin import StandIn

OTHER = "openai:standin"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", range(4))
def test_the_old_index_serves_until_the_new_one_does(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a reproducible moment
    with in_background(StandIn()) as model:
        settings = {"RAG_EMBEDDING_BASE_URL": model.base_url}
        with serving(tmp_path, settings) as server:
            added = [add_text(server, f"Machine {n}", f"Machine number{n} hums in hall {n % 7}.") for n in range(30)]
            wait_until_ready(server, added)
            body = {"force": True, "embedding_model": OTHER if seed % 2 else None}
            job = server.http.post("/api/v1/index/rebuild", json=body).json()["job_id"]
            time.sleep(chance.uniform(0.0, 2.5))
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
        with serving(tmp_path, settings) as server:
            found = server.http.post("/api/v1/search", json={"query": "machine number17", "mode": "lexical"}).json()
            assert found["results"][0]["document_id"] == added[17]
            wait_for(lambda: server.http.get(f"/api/v1/index/jobs/{job}").json()["state"] == "done", 60)
            state = server.http.get("/api/v1/index").json()
            assert (state["serving"]["chunks"], state["serving"]["vectors"], state["job"]) == (30, 30, None)
            assert state["embedding_model"] == (body["embedding_model"] or "minilm")
            names = {path.name for path in (tmp_path / "data/index").iterdir()}
            assert names == {state["serving"]["generation"], state["previous"], "serving.json"}
            check = server.http.post("/api/v1/index/check", json={"deep": True}).json()
            assert check["ok"], check["findings"]
