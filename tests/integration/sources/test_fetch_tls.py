"""Encrypted fetching: the certificate must belong to the name, although the connection goes to an address."""

import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ragkeeper.ingestion.sources.connectors.errors import ServerSilent
from ragkeeper.ingestion.sources.connectors.fetch import Fetcher, FetchLimits, Request


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


@pytest.fixture
def certificate(tmp_path: Path, require_binary: Callable[[str], Path]) -> Path:
    """A certificate for wiki.lan with its key, in one file."""
    key, made = tmp_path / "key.pem", tmp_path / "made.pem"
    command = f"{require_binary('openssl')} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", "/CN=wiki.lan", "-addext", "subjectAltName=DNS:wiki.lan", "-keyout", str(key), "-out", str(made)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    both = tmp_path / "both.pem"
    both.write_text(key.read_text() + made.read_text())
    return both


@contextmanager
def serve(certificate: Path, names: list[str | None]) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    server = HTTPServer(("127.0.0.1", 0), Hello)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def fetch(url: str, certificate: Path) -> bytes:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    trusting = ssl.create_default_context(cafile=str(certificate))
    fetcher = Fetcher(["wiki.lan", "other.lan"], FetchLimits(attempts=1), resolve, tls=trusting)
    try:
        async with fetcher.open(Request(url)) as answer:
            return b"".join([chunk async for chunk in answer.chunks(100)])
    finally:
        await fetcher.close()


async def test_the_name_is_what_the_certificate_is_checked_against(certificate: Path) -> None:
    names: list[str | None] = []
    with serve(certificate, names) as port:
        assert await fetch(f"https://wiki.lan:{port}/", certificate) == b"hello"
        assert names == ["wiki.lan"]
        with pytest.raises(ServerSilent, match="certificate"):
            await fetch(f"https://other.lan:{port}/", certificate)


async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    fetcher = Fetcher(["wiki.lan"], FetchLimits(attempts=1), resolve)
    with serve(certificate, []) as port, pytest.raises(ServerSilent, match="certificate"):
        async with fetcher.open(Request(f"https://wiki.lan:{port}/")):
            pass
    await fetcher.close()
