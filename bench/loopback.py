"""HTTP to a server on this machine: the benchmarks' and the tests'.

`httpx.get`, and every client of its own, loads the certificates of the world first: 30 ms of processor time, which who
asks every few moments whether a server is up takes from that server. Here is no TLS, so there is none to load.
"""

from typing import Any

import httpx


def client(resting: int = 20, **options: Any) -> httpx.Client:
    """resting: connections that are kept for the next request. options: httpx's own."""
    over = httpx.HTTPTransport(verify=False, limits=httpx.Limits(max_keepalive_connections=resting))
    return httpx.Client(transport=over, trust_env=False, **options)


def get(url: str, seconds: float, **options: Any) -> httpx.Response:
    """Raises httpx.TransportError when nobody answers within so many seconds. options: httpx's own."""
    with client(timeout=seconds) as http:
        return http.get(url, **options)


def post(url: str, seconds: float, **options: Any) -> httpx.Response:
    """As `get`."""
    with client(timeout=seconds) as http:
        return http.post(url, **options)
