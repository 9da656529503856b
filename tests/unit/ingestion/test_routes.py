from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI
from sqlalchemy import text

from ragkeeper.core.access import Caller
from ragkeeper.http.errors import install_error_handlers
from ragkeeper.ingestion.ports import FetchedPage
from ragkeeper.ingestion.routes import upload_routes
from ragkeeper.ingestion.sources.errors import AddressRefused
from ragkeeper.storage.files.store import FileStore
from tests.wired import ADMIN, Wired, once, wired

DOCUMENTS = "/api/v1/documents"
FORM = {"content-type": "multipart/form-data; boundary=b"}


class FakePages:
    """Knows one page."""

    @asynccontextmanager
    async def fetch(self, url: str) -> AsyncIterator[FetchedPage]:
        if url != "https://example.org/about":
            raise AddressRefused(address=url, reason="it is private")
        yield FetchedPage("example.org/about", "about.html", once(b"<p>Some words.</p>"))


class Anybody:
    async def caller(self, api_key: str) -> Caller | None:
        return ADMIN


def client(product: Wired, files: FileStore | None = None) -> httpx.AsyncClient:
    app = FastAPI()
    app.state.authenticator = Anybody()
    install_error_handlers(app)
    app.include_router(upload_routes(product.ingestion, files or product.files, FakePages()))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test", headers={"x-api-key": "any"})


async def test_nothing_of_a_file_is_spooled_onto_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    taken = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal taken
        taken += 1
        yield b"x" * 1000

    async with wired(tmp_path) as product:
        full = FileStore(tmp_path / "files", limit_mb=1, reserve_mb=10**9)
        async with client(product, full) as http:
            answer = await http.post(DOCUMENTS, content=body(), headers=FORM)
    assert (answer.status_code, answer.json()["code"], taken) == (507, "disk_space_low", 0)
    assert int(answer.headers["retry-after"]) > 0


async def test_a_database_that_is_full_is_507_and_the_upload_leaves_no_row(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        async with product.database.write() as sql:
            pages = (await sql.execute(text("PRAGMA page_count"))).scalar_one()
            await sql.execute(text(f"PRAGMA max_page_count={pages}"))
        async with client(product) as http:
            answers = [
                await http.post(DOCUMENTS, files={"file": (f"{number}.txt", f"Words {number}.")})
                for number in range(40)
            ]
        kept = (await product.documents.counts(ADMIN))["accepted"]
    codes = [answer.json().get("code") for answer in answers if answer.status_code != 202]
    assert codes
    assert set(codes) == {"storage_full"}
    assert {answer.status_code for answer in answers} == {202, 507}
    assert kept == len(answers) - len(codes)


async def test_a_page_becomes_a_document_of_its_address(tmp_path: Path) -> None:
    async with wired(tmp_path) as product, client(product) as http:
        page = {"url": "https://example.org/about", "title": "About us"}
        first = await http.post(DOCUMENTS, json=page)
        again = await http.post(DOCUMENTS, json=page)
        document = await product.documents.get(ADMIN, first.json()["id"])
    assert (first.status_code, again.json()["duplicate"]) == (202, True)
    assert (document.name, document.title, document.version.filename) == ("example.org/about", "About us", "about.html")
    assert document.metadata == {"url": "https://example.org/about"}


async def test_a_page_that_must_not_be_fetched_is_refused_and_so_is_a_body_of_both_kinds(tmp_path: Path) -> None:
    async with wired(tmp_path) as product, client(product) as http:
        refused = await http.post(DOCUMENTS, json={"url": "http://127.0.0.1/"})
        both = await http.post(DOCUMENTS, json={"url": "https://example.org/about", "text": "Words."})
        named = await http.post(DOCUMENTS, json={"url": "https://example.org/about", "name": "x"})
    assert (refused.status_code, refused.json()["code"]) == (422, "address_refused")
    assert {both.json()["code"], named.json()["code"]} == {"upload_invalid"}


async def test_no_page_is_fetched_for_a_collection_that_the_caller_may_not_write_to(tmp_path: Path) -> None:
    async with wired(tmp_path) as product, client(product) as http:
        answer = await http.post("/api/v1/documents", json={"url": "https://example.org/gone", "collection": "others"})
        assert (answer.status_code, answer.json()["code"]) == (404, "collection_unknown")
