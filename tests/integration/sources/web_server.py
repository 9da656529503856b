"""A web server of this machine that answers as a test tells it to."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Reply:
    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str | None = None
    """Answered with 304 when the client names it."""


Route = Reply | Callable[[str, Mapping[str, str]], Reply]
"""A reply, or what makes one of the full path and the headers."""


@dataclass
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Site:
    """routes: by path without its query; asked: every request so far."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.routes: dict[str, Route] = {}
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        return [one.path for one in self.asked]

    def page(self, path: str, *links: str, text: str = "", etag: str | None = None) -> None:
        body = text + "".join(f'<a href="{link}">link</a>' for link in links)
        self.routes[path] = Reply(f"<html><body>{body}</body></html>".encode(), 200, HTML, etag)


HTML = {"Content-Type": "text/html; charset=utf-8"}


@contextmanager
def serve() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _answer(self, site)

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *_: object) -> None:
            """Tests print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site = Site(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(handler: BaseHTTPRequestHandler, site: Site) -> None:
    body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
    headers = {name.lower(): value for name, value in handler.headers.items()}
    site.asked.append(Asked(handler.command, handler.path, headers, body))
    route = site.routes.get(handler.path.partition("?")[0], Reply(b"nothing here", 404))
    reply = route if isinstance(route, Reply) else route(handler.path, headers)
    if reply.etag and headers.get("if-none-match") == reply.etag:
        reply = Reply(b"", 304, {}, reply.etag)
    handler.send_response(reply.status)
    sent = dict(reply.headers) | ({"ETag": reply.etag} if reply.etag else {})
    for name, value in ({"Content-Length": str(len(reply.body))} | sent).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(reply.body)
