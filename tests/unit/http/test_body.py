from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel

from ragkeeper.core.access import Caller, local_administrator
from ragkeeper.http.body import BodyLimit, BodyLimits, JsonUnsaid, KeyBeforeBody
from ragkeeper.http.caller import CurrentCaller
from ragkeeper.http.errors import install_error_handlers
from ragkeeper.http.middleware import RequestEnvelope

LIMITS = BodyLimits(form=3_000_000, text=2_000_000, other=1_000_000, upload_paths=frozenset({"/upload"}))
FORM = {"content-type": "multipart/form-data"}
KEY = {"x-api-key": "right"}


class OneKey:
    async def caller(self, api_key: str) -> Caller | None:
        return local_administrator() if api_key == "right" else None


class Told(BaseModel):
    text: str


def client() -> httpx.AsyncClient:
    app = FastAPI()
    app.state.authenticator = OneKey()
    install_error_handlers(app)
    app.add_middleware(JsonUnsaid, paths=frozenset({"/told"}))
    app.add_middleware(BodyLimit, limits=LIMITS)
    app.add_middleware(KeyBeforeBody, authenticator=OneKey())
    app.add_middleware(RequestEnvelope)

    @app.post("/upload")
    @app.post("/size")
    async def size(_caller: CurrentCaller, request: Request) -> int:
        return len(await request.body())

    @app.post("/told")
    async def told(_caller: CurrentCaller, body: Told) -> int:
        return len(body.text)

    @app.get("/open")
    async def answer_anybody() -> str:
        return "open"

    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


class Blocks:
    """A body of unknown length that counts how much of it was taken."""

    def __init__(self, count: int, size: int = 500_000) -> None:
        self.taken = 0
        self._count, self._size = count, size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self._count):
            self.taken += 1
            yield b"x" * self._size


@pytest.mark.parametrize("path", ["/size", "/told", "/upload", "/nowhere"])
@pytest.mark.parametrize("key", [{}, {"x-api-key": "wrong"}, {"authorization": "Bearer wrong"}])
async def test_nothing_of_a_stranger_s_body_is_read(path: str, key: dict[str, str]) -> None:
    body = Blocks(4)
    async with client() as http:
        answer = await http.post(path, content=body, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert (answer.headers["www-authenticate"], answer.headers["connection"]) == ("Bearer", "close")
    assert body.taken == 0


async def test_an_announced_body_of_a_stranger_is_refused_for_its_key_and_not_its_size() -> None:
    async with client() as http:
        answer = await http.post("/size", content=b"x" * 1_000_001)
        assert answer.status_code == 401
        assert (await http.get("/open")).status_code == 200
        assert (await http.post("/size")).status_code == 401


async def test_a_body_above_the_limit_is_refused_announced_or_not() -> None:
    async with client() as http:
        fits = await http.post("/size", content=b"x" * 1_000_000, headers=KEY)
        announced = await http.post("/size", content=b"x" * 1_000_001, headers=KEY)
        streamed = await http.post("/size", content=Blocks(3), headers=KEY)
        read_by_the_framework = await http.post(
            "/told", content=Blocks(3), headers={**KEY, "content-type": "application/json"}
        )
    assert fits.json() == 1_000_000
    for refused in (announced, streamed, read_by_the_framework):
        assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
        assert "1 MB" in refused.json()["detail"]
        assert refused.headers["connection"] == "close"


async def test_only_upload_paths_take_large_forms() -> None:
    async with client() as http:
        form = await http.post("/upload", content=b"x" * 3_000_000, headers={**KEY, **FORM})
        text = await http.post("/upload", content=b"x" * 2_000_001, headers=KEY)
        elsewhere = await http.post("/size", content=b"x" * 1_000_001, headers={**KEY, **FORM})
    assert (form.status_code, text.status_code, elsewhere.status_code) == (200, 413, 413)


async def test_an_answer_before_the_end_of_the_body_closes_the_connection() -> None:
    async with client() as http:
        early = await http.post("/nowhere", content=Blocks(1), headers=KEY)
        whole = await http.post("/size", content=Blocks(1), headers=KEY)
    assert (early.status_code, early.headers["connection"]) == (404, "close")
    assert "connection" not in whole.headers


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, 200),
        ({"content-type": "application/x-www-form-urlencoded"}, 200),
        ({"content-type": "application/json"}, 200),
        ({"content-type": "text/html"}, 422),
    ],
)
async def test_json_need_not_be_announced_where_nothing_else_is_expected(said: dict[str, str], status: int) -> None:
    async with client() as http:
        answer = await http.post("/told", content=b'{"text": "four"}', headers={**KEY, **said})
    assert answer.status_code == status
