import asyncio
from collections.abc import Sequence

import pytest
from starlette.types import Message, Receive, Scope, Send

from ragkeeper.http.lingering import Lingering, has_body

WITH_BODY: Scope = {"type": "http", "headers": [(b"content-length", b"9")]}
START: Message = {"type": "http.response.start", "status": 507, "headers": []}


class Connection:
    """What a server gives an application, and takes from it; parts of a body, then silence."""

    def __init__(self, body: Sequence[bytes], *, ends: bool = True) -> None:
        self.left = [{"type": "http.request", "body": one, "more_body": True} for one in body]
        if ends:
            self.left.append({"type": "http.request", "body": b"", "more_body": False})
        self.sent: list[tuple[Message, int]] = []

    async def receive(self) -> Message:
        if not self.left:
            await asyncio.Event().wait()
        return self.left.pop(0)

    async def send(self, message: Message) -> None:
        self.sent.append((message, len(self.left)))


async def refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send(START)
    await send({"type": "http.response.body", "body": b"full"})


async def read_and_answer(_scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive())["more_body"]:
        pass
    await refuse(_scope, receive, send)


async def test_an_early_answer_goes_out_before_the_body_is_read_and_ends_after_it() -> None:
    connection = Connection([b"one", b"two"])
    await Lingering(refuse)(WITH_BODY, connection.receive, connection.send)
    whole, end = connection.sent[1], connection.sent[2]
    assert whole == ({"type": "http.response.body", "body": b"full", "more_body": True}, 3)
    assert end == ({"type": "http.response.body"}, 0)


async def test_who_falls_silent_is_not_waited_for() -> None:
    connection = Connection([b"one"], ends=False)
    async with asyncio.timeout(2):
        await Lingering(refuse)(WITH_BODY, connection.receive, connection.send)
    assert connection.sent[-1] == ({"type": "http.response.body"}, 0)


async def test_who_sends_without_end_is_cut_off() -> None:
    connection = Connection([b"x" * 1_000_000] * 100, ends=False)
    await Lingering(refuse)(WITH_BODY, connection.receive, connection.send)
    assert 30 <= connection.sent[-1][1] <= 40


async def test_who_goes_away_is_not_waited_for() -> None:
    connection = Connection([], ends=False)
    connection.left.append({"type": "http.disconnect"})
    async with asyncio.timeout(0.2):
        await Lingering(refuse)(WITH_BODY, connection.receive, connection.send)
    assert connection.sent[-1] == ({"type": "http.response.body"}, 0)


@pytest.mark.parametrize(
    ("application", "scope"),
    [(read_and_answer, WITH_BODY), (refuse, {"type": "http", "headers": [(b"content-length", b"0")]})],
)
async def test_other_answers_pass_as_they_are(application: Lingering, scope: Scope) -> None:
    connection = Connection([b"one"])
    await Lingering(application)(scope, connection.receive, connection.send)
    assert [message for message, _ in connection.sent] == [START, {"type": "http.response.body", "body": b"full"}]


def test_a_body_is_told_by_its_headers() -> None:
    assert has_body([(b"transfer-encoding", b"chunked")])
    assert has_body([(b"host", b"here"), (b"content-length", b"1")])
    assert not has_body([(b"content-length", b"0"), (b"host", b"here")])
