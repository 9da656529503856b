"""The page about proxies says what a real nginx does with exactly its lines."""

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from bench import loopback
from bench.ports import free_port
from tests.acceptance.server import Server, serving, wait_for
from tests.machine import ROOT

pytestmark = pytest.mark.timeout(120)

CONFIGURATION, SCRAPED = re.findall(
    r"^```nginx\n(.*?)^```", (ROOT / "docs/howto/behind-a-proxy.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)
TOKEN = "7b1c9d5e3f2a4860b7c1d9e5f3a24860"  # noqa: S105 - of a server of this test
AROUND = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ }}
http {{
access_log off;
client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
{configuration}
}}
"""


@contextmanager
def proxied(configuration: str, server: Server, folder: Path, nginx: Path) -> Iterator[httpx.Client]:
    """A proxy with the page's lines, without TLS, before this server."""
    folder.mkdir()
    port, upstream = free_port(), str(server.stranger.base_url).rstrip("/")
    configuration = re.sub(r"^ *ssl_.*\n", "", configuration, flags=re.MULTILINE)
    configuration = configuration.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    configuration = configuration.replace("http://127.0.0.1:8000", upstream)
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder, configuration=configuration), encoding="utf-8")
    process = subprocess.Popen([nginx, "-c", folder / "nginx.conf", "-e", folder / "nginx.log"])
    try:
        with loopback.client(base_url=f"http://127.0.0.1:{port}", headers={"Host": "rag.example.org"}) as client:
            wait_for(lambda: answers(client), 10)
            yield client
    finally:
        process.terminate()
        process.wait(10)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health/live").is_success
    except httpx.TransportError:
        return False


def changed(*pairs: tuple[str, str]) -> str:
    text = CONFIGURATION
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def test_the_lines_of_the_page_do_what_it_says(tmp_path: Path, require_binary: Callable[[str], Path]):
    nginx = require_binary("nginx")
    with serving(tmp_path, {"RAG_METRICS_TOKEN": TOKEN}) as server:
        with proxied(CONFIGURATION, server, tmp_path / "page", nginx) as proxy:
            assert proxy.get("/metrics").status_code == 403
            assert proxy.get("/metrics", headers={"Host": "localhost"}).status_code == 403
            assert proxy.get("/status").status_code == 401
            assert proxy.get("/status", headers={"X-API-Key": server.http.headers["X-API-Key"]}).status_code == 200
            statuses = [proxy.get("/api/v1/documents").status_code for _ in range(80)]
            assert set(statuses) == {401, 429}
            assert [proxy.get(path).status_code for path in ("/health", "/health/ready") * 3] == [200] * 6
        scraped = changed(("        deny all;\n", SCRAPED), ("192.0.2.7", "127.0.0.1"))
        with proxied(scraped, server, tmp_path / "scraped", nginx) as proxy:
            assert proxy.get("/metrics").status_code == 401
            claims = {"Host": "localhost", "X-Forwarded-For": "127.0.0.1"}
            assert proxy.get("/metrics", headers=claims).status_code == 401
            assert proxy.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        open_to_all = changed(("        deny all;\n", "        proxy_pass http://127.0.0.1:8000;\n"), *FORGOTTEN)
        with proxied(open_to_all, server, tmp_path / "open", nginx) as proxy:
            assert proxy.get("/metrics", headers={"Host": "localhost"}).status_code == 200


FORGOTTEN = [
    ("    proxy_set_header X-Forwarded-For $remote_addr;\n", ""),
    ("    proxy_set_header X-Forwarded-Proto $scheme;\n", ""),
]
