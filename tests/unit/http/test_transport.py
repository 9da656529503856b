import asyncio

from ragkeeper.http.transport import HoldingTransport

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


class Connection(asyncio.Transport):
    """What was written to it, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.ended = False

    def write(self, data: bytes) -> None:
        self.pieces.append(bytes(data))

    def is_closing(self) -> bool:
        return self.ended

    def close(self) -> None:
        self.ended = True


async def turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_head_goes_with_its_body():
    connection = Connection()
    holding = HoldingTransport(connection)
    holding.write(HEAD)
    holding.write(b"body")
    await turns()
    assert connection.pieces == [HEAD + b"body"]


async def test_a_head_without_a_body_goes_soon():
    connection = Connection()
    holding = HoldingTransport(connection)
    holding.write(HEAD)
    assert connection.pieces == []
    await turns()
    assert connection.pieces == [HEAD]


async def test_what_follows_goes_at_once():
    connection = Connection()
    holding = HoldingTransport(connection)
    for piece in (HEAD, b"one", b"two", b"three"):
        holding.write(piece)
    assert connection.pieces == [HEAD + b"one", b"two", b"three"]


async def test_a_body_that_looks_like_a_head_keeps_its_place():
    connection = Connection()
    holding = HoldingTransport(connection)
    for piece in (HEAD, b"one", HEAD, b"two", HEAD):
        holding.write(piece)
    await turns()
    assert connection.pieces == [HEAD + b"one", HEAD + b"two", HEAD]


async def test_a_head_that_is_let_go_goes_at_once_and_once():
    connection = Connection()
    holding = HoldingTransport(connection)
    holding.write(HEAD)
    holding.let_go()
    holding.let_go()
    assert connection.pieces == [HEAD]
    await turns()
    assert connection.pieces == [HEAD]


async def test_closing_sends_what_is_held():
    connection = Connection()
    holding = HoldingTransport(connection)
    holding.write(HEAD)
    holding.close()
    await turns()
    assert connection.pieces == [HEAD]
    assert connection.ended


async def test_nothing_is_sent_to_a_client_that_left():
    connection = Connection()
    holding = HoldingTransport(connection)
    holding.write(HEAD)
    connection.close()
    await turns()
    assert connection.pieces == []


def test_everything_else_is_the_connections_own():
    connection = Connection()
    holding = HoldingTransport(connection)
    assert not holding.is_closing()
    connection.close()
    assert holding.is_closing()
