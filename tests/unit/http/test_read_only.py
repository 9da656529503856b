import httpx
import pytest
from fastapi import FastAPI

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.http.read_only import ChangesRefused


class Closed(RagkeeperError):
    """Nothing is changed today."""

    code = "closed"
    status = 503
    fix = "Come back tomorrow."
    retry_after = 12.3


def client(refusal: RagkeeperError | None) -> httpx.AsyncClient:
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def anything() -> str:
        return "done"

    app.add_middleware(ChangesRefused, refusal=lambda: refusal, asking=frozenset({"/ask"}))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/documents"),
        ("DELETE", "/ask/1"),
        ("PUT", "/x"),
        ("PATCH", "/x"),
        ("POST", "/ask/"),
        ("POST", "/admin"),
    ],
)
async def test_what_may_change_something_is_refused(method: str, path: str):
    async with client(Closed()) as http:
        refused = await http.request(method, path, content=b"x")
    assert (refused.status_code, refused.json()["code"]) == (503, "closed")
    assert refused.headers["retry-after"] == "13"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/documents"), ("POST", "/ask"), ("DELETE", "/admin/degradation"), ("POST", "/auth/token")],
)
async def test_reading_asking_and_administration_go_on(method: str, path: str):
    async with client(Closed()) as http:
        assert (await http.request(method, path)).status_code == 200


async def test_everything_passes_where_nothing_is_refused():
    async with client(None) as http:
        assert (await http.post("/documents")).status_code == 200
