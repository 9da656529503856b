"""Reading the configured sources again, as the guides promise it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bench import loopback
from tests.acceptance.server import Server, serving, wait_for, wait_until_ready


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("sources")) as running:
        yield running


def test_g2_018_one_durable_job_reads_the_sources_again(server: Server, tmp_path: Path) -> None:
    for source in ("first", "second"):
        folder = tmp_path / source
        folder.mkdir()
        for name in ("changed", "deleted", "same"):
            (folder / f"{name}.md").write_text(f"The {name} file of the {source} source.", encoding="utf-8")
        body = {"name": source, "kind": "folder", "location": str(folder)}
        assert server.http.post("/api/v1/sources", json=body).status_code == httpx.codes.CREATED
    ingest(server)
    before = documents(server)
    assert len(before) == 6

    folder = tmp_path / "first"
    (folder / "changed.md").write_text("Other words altogether.", encoding="utf-8")
    (folder / "deleted.md").unlink()
    (folder / "added.md").write_text("Something new.", encoding="utf-8")
    assert server.stranger.post("/ingest").status_code == httpx.codes.UNAUTHORIZED
    ingest(server)
    after = documents(server)
    assert after.keys() - before.keys() == {"first/added.md"}
    assert before.keys() - after.keys() == {"first/deleted.md"}
    assert [name for name in before.keys() & after.keys() if before[name] != after[name]] == ["first/changed.md"]


def ingest(server: Server) -> None:
    """As an administrator with a bearer token; at once 202, and the same job while it goes on."""
    key = server.http.headers["x-api-key"]
    with loopback.client(base_url=server.stranger.base_url, headers={"Authorization": f"Bearer {key}"}) as http:
        first = http.post("/ingest")
        assert first.status_code == httpx.codes.ACCEPTED
        assert len(first.json()["job_ids"]) == 2
        again = http.post("/ingest").json()
    job = f"/api/v1/syncs/{first.json()['job_id']}"
    ended_already = server.http.get(job).json()["state"] == "done"
    assert again == first.json() or ended_already
    wait_for(lambda: server.http.get(job).json()["state"] == "done")
    assert set(server.http.get(job).json()["result"].values()) == {"done"}


def documents(server: Server) -> dict[str, str]:
    """The current text of each, by its name."""
    found = {one["name"]: one["id"] for one in server.http.get("/api/v1/documents").json()["items"]}
    wait_until_ready(server, found.values())
    return {
        name: server.http.get(f"/api/v1/documents/{document}/content").json()["text"]
        for name, document in found.items()
    }
