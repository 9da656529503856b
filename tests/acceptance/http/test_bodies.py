"""Bodies are refused by their key and their size before they are read."""

import socket
import time

import pytest

from tests.acceptance.server import Server

PATHS = ["/api/v1/documents", "/api/v1/search", "/chat", "/v1/chat/completions", "/v1/embeddings"]
HUNDRED_MB = 100_000_000


def send_slowly(server: Server, head: str) -> tuple[bytes, float]:
    """What the server answers to the beginning of a large body until it closes, and after how many seconds."""
    address = (server.stranger.base_url.host, server.stranger.base_url.port or 80)
    began = time.monotonic()
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n5F5E100\r\n" + b"x" * 1000)
        answer = b""
        while block := connection.recv(65_536):
            answer += block
    return answer, time.monotonic() - began


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("length", [f"Content-Length: {HUNDRED_MB}", "Transfer-Encoding: chunked"])
def test_a_stranger_s_body_is_not_waited_for(server: Server, path: str, length: str) -> None:
    head = f"POST {path} HTTP/1.1\nHost: here\nContent-Type: multipart/form-data; boundary=b\n{length}"
    answer, seconds = send_slowly(server, head)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b'"not_authenticated"' in answer
    assert seconds < 1


@pytest.mark.parametrize("path", PATHS[1:])
def test_only_uploads_may_be_as_large_as_a_file(server: Server, path: str) -> None:
    """The server takes files of 2 MB here, so a form that announces more has no path to go to."""
    key = server.http.headers["X-API-Key"]
    head = (
        f"POST {path} HTTP/1.1\nHost: here\nX-API-Key: {key}\n"
        f"Content-Type: multipart/form-data; boundary=b\nContent-Length: {HUNDRED_MB}"
    )
    answer, seconds = send_slowly(server, head)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"body_too_large"' in answer
    assert seconds < 1


def test_a_body_that_grows_beyond_the_limit_is_refused_with_its_code(server: Server) -> None:
    answer = server.http.post(
        "/chat", content=(b"x" * 500_000 for _ in range(20)), headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_who_sends_a_large_body_to_the_end_still_reads_why_it_was_refused(server: Server) -> None:
    """Closing on what the client still sends would take the answer away from it."""
    address = (server.stranger.base_url.host, server.stranger.base_url.port or 80)
    head = (
        b"POST /api/v1/documents HTTP/1.1\r\nHost: here\r\nContent-Type: text/plain\r\nContent-Length: 8000000\r\n\r\n"
    )
    for _ in range(10):
        with socket.create_connection(address, timeout=10) as connection:
            connection.sendall(head + b"x" * 8_000_000)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 401 ")
