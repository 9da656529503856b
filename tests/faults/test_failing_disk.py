"""A disk that answers every change with an error while everything on it can still be read."""

from pathlib import Path

import pytest

from tests.acceptance.server import add_text, serving, wait_for, wait_until_ready
from tests.faults.harness.interposer import Action, Interposer


@pytest.mark.timeout(120)
def test_answers_go_on_and_changes_are_refused_until_it_works_again(interposing: Path, tmp_path: Path):
    (tmp_path / "data").mkdir()
    disk = Interposer(interposing, tmp_path, tmp_path / "data")
    disk.reset()
    with serving(tmp_path, disk.environment(journal=False)) as server:
        wait_until_ready(server, [add_text(server, "Leave", "Employees get twelve weeks of parental leave.")])
        question = {"message": "How many weeks of parental leave?"}
        kept = server.http.post("/chat", json=question).json()["conversation_id"]
        disk.arm(Action.BROKEN, 1)
        wait_for(lambda: server.http.post("/chat", json=question).json()["message_id"] is None)
        answer = server.http.post("/chat", json=question).json()
        assert (answer["conversation_id"], answer["mode"]) == (None, "extractive")
        assert "twelve weeks" in answer["answer"]
        assert any("not kept" in note for note in answer["notes"])
        assert server.http.post("/api/v1/search", json={"query": "leave"}).json()["results"]
        refused = server.http.delete(f"/api/v1/conversations/{kept}")
        assert (refused.status_code, refused.json()["code"]) == (503, "database_disk_failing")
        assert int(refused.headers["retry-after"]) > 0
        wait_for(lambda: server.http.get("/admin/degradation").json()["step"] == "read_only")
        assert server.stranger.get("/health/ready").status_code == 200
        assert "rag_degradation_step 5.0" in server.http.get("/metrics").text
        disk.heal()
        wait_for(lambda: server.http.get("/admin/degradation").json()["takes_changes"], 60)
        assert server.http.post("/chat", json=question).json()["message_id"]
