"""A server that refuses every request at once: what a load generator costs this machine, without a product behind it.

`bench.overload` starts it, sends it the load that it sends to the real server, and asks the real one beside it;
`bench.probe` probes it while the real server has all it can do.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

STATUS = HTTPStatus.SERVICE_UNAVAILABLE

_REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"


class Refuser(asyncio.Protocol):
    """Takes what arrives in one piece for one request, as `bench.load` sends them."""

    _transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - whatever was asked
        self._transport.write(_REFUSAL)


@contextmanager
def refusing() -> Iterator[str]:
    """The address of such a server, a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", "from bench.refuser import main; main()"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            port = (process.stdout.readline() if process.stdout else "").strip()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def main() -> None:
    """Print the port and serve until ended."""
    asyncio.run(_serve())


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Refuser, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()
