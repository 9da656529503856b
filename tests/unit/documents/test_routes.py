from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI

from ragkeeper.core.access import Caller
from ragkeeper.documents.routes import document_routes
from ragkeeper.http.errors import install_error_handlers
from tests.wired import ADMIN, Wired, wired


class Anybody:
    async def caller(self, api_key: str) -> Caller | None:
        return ADMIN


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[Wired, httpx.AsyncClient]]:
    async with wired(folder) as product:
        app = FastAPI()
        app.state.authenticator = Anybody()
        install_error_handlers(app)
        app.include_router(document_routes(product.documents, product.files))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers={"x-api-key": "any"}) as http:
            yield product, http


def told(answer: httpx.Response) -> tuple[str, str]:
    return answer.headers["x-document-version-number"], answer.headers["x-document-version-status"]


async def test_the_original_is_that_of_the_version_searches_see(tmp_path: Path) -> None:
    async with served(tmp_path) as (product, http):
        added = await product.add("a.md", "First words.")
        path = f"/api/v1/documents/{added.id}/original"
        waiting = await http.get(path)
        await product.settle()
        failed = await product.add("a.md", "   ")
        await product.settle()
        served_now = await http.get(path)
        await product.add("a.md", "Third words.")
        await product.settle()
        third = await http.get(path)
    assert (waiting.text, told(waiting)) == ("First words.", ("1", "accepted"))
    assert (served_now.text, told(served_now)) == ("First words.", ("1", "ready"))
    assert served_now.headers["x-document-version"] == added.version != failed.version
    assert (third.text, told(third)) == ("Third words.", ("3", "ready"))


async def test_an_original_that_is_gone_says_so(tmp_path: Path) -> None:
    async with served(tmp_path) as (product, http):
        added = await product.add("a.md", "First words.")
        for path in (tmp_path / "files").rglob("*"):
            if path.is_file():
                path.unlink()
        answer = await http.get(f"/api/v1/documents/{added.id}/original")
    assert (answer.status_code, answer.json()["code"]) == (410, "original_missing")
