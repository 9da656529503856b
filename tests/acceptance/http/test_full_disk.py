"""A disk that is full: every upload says so with 507, nothing is kept of it, and the server goes on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.mounts import inside, on_own_disk
from tests.acceptance.server import Server, add_text, wait_for, wait_until_ready

_DISK_MB = 60


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Server]:
    """A server whose data folder is a disk of 60 MB of its own."""
    with on_own_disk(tmp_path, "", f"size={_DISK_MB}m") as server:
        yield server


@pytest.mark.timeout(120)
def test_an_upload_that_fills_the_disk_is_507(small: Server) -> None:
    larger = small.http.post("/api/v1/documents", files={"file": ("large.txt", b"x" * (_DISK_MB + 10) * 1_000_000)})
    # Fits once, but not twice: spooled, then stored.
    half = small.http.post("/api/v1/documents", files={"file": ("half.txt", b"x" * _DISK_MB * 500_000)})
    for answer in (larger, half):
        assert (answer.status_code, answer.json()["code"]) == (507, "disk_space_low")
        assert answer.headers["content-type"] == "application/problem+json"
    assert small.http.get("/api/v1/documents").json()["items"] == []
    wait_until_ready(small, [add_text(small, "After", "The disk has room again.")])


@pytest.mark.timeout(120)
def test_below_the_reserve_nothing_is_taken_in_and_the_rest_goes_on(tmp_path: Path) -> None:
    with on_own_disk(tmp_path, "", f"size={_DISK_MB}m", {"RAG_MIN_FREE_MB": "30"}) as server:
        inside(server, "sh", "-c", f"head -c {_DISK_MB * 600_000} /dev/zero > {tmp_path}/data/filler")
        wait_for(lambda: able(server)["ingest"]["state"] == "down", 20)
        refused = server.http.post("/api/v1/documents", files={"file": ("small.txt", b"A small one.")})
        assert (refused.status_code, refused.json()["code"]) == (507, "disk_space_low")
        assert server.stranger.get("/health").json()["codes"]["disk"] == "disk_space_low"
        assert able(server)["ingest"]["reason"] == "disk: degraded"
        assert able(server)["retrieve"]["state"] == "ok"
        assert server.stranger.get("/health/ready").status_code == 200


def able(server: Server) -> Any:
    return server.stranger.get("/health/ready").json()["capabilities"]
