"""A connection may rest between two requests for longer than common clients keep theirs."""

import http.client
import time

from tests.acceptance.server import Server

# httpx and uvicorn let go after five seconds when nobody says otherwise.
_SECONDS = 6.0


def test_a_connection_that_rested_is_answered(server: Server) -> None:
    connection = http.client.HTTPConnection(str(server.stranger.base_url.netloc, "ascii"), timeout=10)
    connection.connect()
    kept = connection.sock
    for pause in (0.0, _SECONDS):
        time.sleep(pause)
        connection.request("GET", "/health/live")
        answer = connection.getresponse()
        assert answer.read()
        assert answer.status == http.client.OK
    assert connection.sock is kept
    connection.close()
