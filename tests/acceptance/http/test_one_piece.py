"""A short answer comes with its head, in one piece: a client that reads the head need not wait for the rest."""

import socket

import pytest

from tests.acceptance.server import Server


@pytest.mark.parametrize("path", ["/health/live", "/api/v1/collections", "/no/such/page"])
def test_an_answer_is_whole_when_its_head_is_there(server: Server, path: str) -> None:
    base = server.stranger.base_url
    request = f"GET {path} HTTP/1.1\r\nHost: here\r\nX-API-Key: {server.http.headers['X-API-Key']}\r\n\r\n".encode()
    with socket.create_connection((base.host, base.port or 80), timeout=10) as connection:
        for _ in range(20):
            connection.sendall(request)
            head, _, body = connection.recv(65_536).partition(b"\r\n\r\n")
            assert f"content-length: {len(body)}".encode() in head.lower()
            assert body


def test_a_head_without_a_body_reaches_a_client_that_has_said_all_it_has_to_say(server: Server) -> None:
    base = server.stranger.base_url
    for _ in range(20):
        with socket.create_connection((base.host, base.port or 80), timeout=10) as connection:
            connection.sendall(b"HEAD /health/live HTTP/1.1\r\nHost: here\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
