"""Every kind of source through the command line of a real server: its settings and options reach its connector."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.server import Server, serving
from tests.integration.sources.git_server import Author
from tests.integration.sources.s3_server import FakeS3
from tests.integration.sources.web_server import Site, serve

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serve() as running:
        running.page("/docs/", "/docs/a", "/blog/", text="The first page.")
        running.page("/docs/a", text="The second page.")
        running.page("/blog/", text="Another part of the site.")
        entry = f"<url><loc>{running.url}/blog/</loc></url>"
        running.page("/sitemap.xml")
        reply = running.routes["/sitemap.xml"]
        reply.body = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entry}</urlset>'.encode()
        reply.headers = {"Content-Type": "application/xml"}
        bucket = FakeS3(running)
        bucket.put("reports/q1.md", b"The first quarter.")
        bucket.put("other/x.md", b"Something else.")
        yield running


@pytest.fixture(scope="module")
def server(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {
        "RAG_FETCH_PRIVATE_HOSTS": site.host,
        "RAG_S3_PROFILES": "store",
        "RAG_S3_STORE_ENDPOINT": site.url,
    }
    with serving(tmp_path_factory.mktemp("kinds"), settings) as running:
        yield running


def names(server: Server, source: str, *arguments: str) -> set[str]:
    """What the documents of a new source are called, below its name."""
    server.run("sources", "add", source, *arguments)
    run = json.loads(server.run("sources", "sync", source, "--wait", "--json").stdout)
    assert (run["state"], run["failed"], run["error"]) == ("done", 0, None)
    again = json.loads(server.run("sources", "sync", source, "--wait", "--json").stdout)
    assert (again["unchanged"], again["error"]) == (run["added"], None), again
    found = [one["name"] for one in server.http.get("/api/v1/documents", params={"limit": 500}).json()["items"]]
    return {name.removeprefix(f"{source}/") for name in found if name.startswith(f"{source}/")}


def test_pages_that_link_to_one_another(server: Server, site: Site) -> None:
    options = ("-o", "prefix=/docs/", "-o", "delay_seconds=0", "-o", "depth=1")
    found = names(server, "pages", "web", f"{site.url}/docs/", *options)
    assert found == {f"{site.host}/docs/index", f"{site.host}/docs/a"}


def test_pages_of_a_sitemap(server: Server, site: Site) -> None:
    found = names(server, "listed", "sitemap", f"{site.url}/sitemap.xml", "-o", "delay_seconds=0")
    assert found == {f"{site.host}/blog/index"}


def test_objects_of_a_bucket(server: Server) -> None:
    assert names(server, "objects", "s3", "papers", "-o", "prefix=reports", "-o", "profile=store") == {"q1.md"}
    refused = server.run("sources", "add", "wrong", "s3", "papers", "-o", "profile=unknown", "--json", check=False)
    assert json.loads(refused.stdout)["code"] == "source_options_invalid"


def test_files_of_a_repository(server: Server, tmp_path: Path) -> None:
    author = Author(tmp_path / "repository")
    author.commit({"README.md": b"Read me first.", "src/code.py": b"print()"}, branch="release")
    options = ("-o", "branch=release", "-o", 'exclude=["src/*"]')
    assert names(server, "code", "git", str(author.path), *options) == {"README.md"}
    server.run("sources", "remove", "code", "--documents", "--yes")


def test_one_page_by_its_address(server: Server, site: Site) -> None:
    sent = server.http.post("/api/v1/documents", json={"url": f"{site.url}/docs/a", "title": "A page"})
    assert sent.status_code == httpx.codes.ACCEPTED
    document = server.http.get(f"/api/v1/documents/{sent.json()['id']}").json()
    assert (document["name"], document["title"]) == (f"{site.host}/docs/a", "A page")
    missing = server.http.post("/api/v1/documents", json={"url": f"{site.url}/missing"})
    assert (missing.status_code, missing.json()["code"]) == (502, "page_unavailable")
    for url in ("http://127.0.0.1:1/", "http://169.254.169.254/latest/meta-data", "file:///etc/passwd"):
        refused = server.http.post("/api/v1/documents", json={"url": url})
        assert (refused.status_code, refused.json()["code"]) == (422, "address_refused"), url
