"""A disk that is full: every upload says so with 507, nothing is kept of it, and the server goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.mounts import on_own_disk
from tests.acceptance.server import Server, add_text, wait_until_ready

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
