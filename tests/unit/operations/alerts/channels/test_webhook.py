import asyncio
import json

import httpx
import pytest

from ragkeeper.operations.alerts.channels.webhook import WebhookChannel
from ragkeeper.operations.alerts.errors import NotDelivered
from ragkeeper.operations.alerts.messages import Message

MESSAGE = Message("subject", "text", {"status": "firing"})


async def test_the_payload_is_posted():
    seen: list[object] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((str(request.url), json.loads(request.content)))
        return httpx.Response(202)

    await WebhookChannel("https://hook.example/x", httpx.MockTransport(answer)).send(MESSAGE)
    assert seen == [("https://hook.example/x", {"status": "firing"})]


async def test_a_refusal_and_a_silence_are_told():
    def silent(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody there")

    refusing = httpx.MockTransport(lambda _: httpx.Response(403))
    with pytest.raises(NotDelivered, match="status 403"):
        await WebhookChannel("https://hook.example", refusing).send(MESSAGE)
    with pytest.raises(NotDelivered, match="nobody there"):
        await WebhookChannel("https://hook.example", httpx.MockTransport(silent)).send(MESSAGE)


async def test_an_address_that_is_none_is_told_without_it():
    with pytest.raises(NotDelivered, match="its address is no URL") as found:
        await WebhookChannel("https://hook.example:hush/x").send(MESSAGE)
    assert "hush" not in found.value.message


async def test_one_that_never_ends_its_answer_is_given_up():
    async def slow(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        return httpx.Response(200)

    with pytest.raises(NotDelivered, match="did not answer within"):
        await WebhookChannel("https://hook.example", httpx.MockTransport(slow), seconds=0.01).send(MESSAGE)
