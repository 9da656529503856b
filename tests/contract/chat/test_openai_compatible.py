"""What only the real client can get wrong: times, statuses, and bytes that are not what was promised."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Protocol

import pytest

from ragkeeper.providers.chat.errors import (
    ChatBrokenStream,
    ChatModelUnknown,
    ChatRefused,
    ChatTimedOut,
    ChatUnavailable,
)
from ragkeeper.providers.chat.openai_compatible import OpenAICompatibleChat, TimeLimits
from ragkeeper.providers.chat.port import ChatMessage
from tests.contract.chat.standin import Behaviour, StandIn

QUESTION = [ChatMessage("user", "Hi")]
QUICK = TimeLimits(connect=0.5, first_token=0.2, total=0.4)
PATIENT = TimeLimits(connect=2, first_token=5, total=5)


@pytest.fixture
async def server() -> AsyncIterator[StandIn]:
    async with StandIn() as standin:
        yield standin


class Factory(Protocol):
    def __call__(self, limits: TimeLimits = PATIENT, model: str = "tiny", url: str = "") -> OpenAICompatibleChat: ...


@pytest.fixture
async def chat(server: StandIn) -> AsyncIterator[Factory]:
    """Makes clients of the stand-in, and closes them."""
    made: list[OpenAICompatibleChat] = []

    def make(limits: TimeLimits = PATIENT, model: str = "tiny", url: str = "") -> OpenAICompatibleChat:
        address = url or server.base_url
        made.append(OpenAICompatibleChat(name="standin", base_url=address, api_key="", model=model, limits=limits))
        return made[-1]

    yield make
    for client in made:
        await client.close()


async def _streamed(client: OpenAICompatibleChat) -> list[str]:
    return [piece async for piece in client.stream(QUESTION, max_tokens=9, temperature=0.5)]


async def test_reports_tokens(chat: Factory) -> None:
    reply = await chat().complete(QUESTION, max_tokens=9, temperature=0)
    assert (reply.prompt_tokens, reply.completion_tokens) == (7, 3)


async def test_sends_what_it_was_given(server: StandIn, chat: Factory) -> None:
    await _streamed(chat())
    body = server.requests[0]
    assert body["messages"] == [{"role": "user", "content": "Hi"}]
    assert (body["model"], body["max_tokens"], body["temperature"], body["stream"]) == ("tiny", 9, 0.5, True)


async def test_takes_no_identity_from_the_environment(
    server: StandIn, chat: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    await _streamed(chat())
    assert "secret" not in str(server.received_headers)


@pytest.mark.parametrize("behaviour", [Behaviour.HANG, Behaviour.HANG_AFTER_FIRST])
async def test_hanging_server_is_left_at_the_time_limit(server: StandIn, chat: Factory, behaviour: Behaviour) -> None:
    server.behave(behaviour)
    before = time.monotonic()
    with pytest.raises(ChatTimedOut):
        await _streamed(chat(QUICK))
    assert time.monotonic() - before < 2
    assert await server.hung_up.wait()


async def test_endless_reply_is_cut_at_the_time_limit(server: StandIn, chat: Factory) -> None:
    server.behave(Behaviour.ENDLESS)
    with pytest.raises(ChatTimedOut, match="whole reply"):
        await _streamed(chat(QUICK))


async def test_a_reader_who_takes_his_time_is_not_the_model_s_delay(chat: Factory) -> None:
    read: list[str] = []
    async for piece in chat(QUICK).stream(QUESTION, max_tokens=9, temperature=0.5):
        read.append(piece)
        await asyncio.sleep(0.3)
    assert len(read) > 1


class Thinking(Protocol):
    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None: ...


def _thinking(thoughts: int, rest: bytes) -> Thinking:
    """A server whose model says so many things to itself, a tenth of a second each, before the rest."""
    thought = b'data: {"choices": [{"index": 0, "delta": {"reasoning_content": "hm"}}]}\n\n'

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for _ in range(thoughts):
            writer.write(thought)
            await asyncio.sleep(0.1)
        writer.write(rest)
        await writer.drain()
        writer.close()

    return serve


_ANSWER = b'data: {"choices": [{"index": 0, "delta": {"content": "so"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


@pytest.mark.parametrize(("rest", "read", "error"), [(_ANSWER, ["so"], None), (b"", [], ChatBrokenStream)])
async def test_a_model_that_thinks_aloud_has_begun(
    chat: Factory, rest: bytes, read: list[str], error: type[Exception] | None
) -> None:
    async with await asyncio.start_server(_thinking(4, rest), "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        client = chat(TimeLimits(connect=1, first_token=0.25, next_token=0.25, total=5), url=f"http://{host}:{port}/v1")
        with pytest.raises(error) if error else nullcontext():
            assert await _streamed(client) == read


async def test_hanging_whole_reply_is_left_at_the_time_limit(server: StandIn, chat: Factory) -> None:
    server.behave(Behaviour.HANG)
    with pytest.raises(ChatTimedOut):
        await chat(QUICK).complete(QUESTION, max_tokens=9, temperature=0)


@pytest.mark.parametrize("behaviour", [Behaviour.HALF, Behaviour.SHORT, Behaviour.MALFORMED, Behaviour.ERROR_IN_STREAM])
async def test_bad_end_of_a_stream_is_never_taken_for_a_whole_reply(
    server: StandIn, chat: Factory, behaviour: Behaviour
) -> None:
    server.behave(behaviour)
    with pytest.raises(ChatBrokenStream):
        await _streamed(chat())


@pytest.mark.parametrize("behaviour", [Behaviour.HALF, Behaviour.MALFORMED, Behaviour.NOT_A_COMPLETION])
async def test_bad_whole_reply_is_unavailability(server: StandIn, chat: Factory, behaviour: Behaviour) -> None:
    server.behave(behaviour)
    with pytest.raises(ChatUnavailable):
        await chat().complete(QUESTION, max_tokens=9, temperature=0)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_refusals_are_not_temporary(server: StandIn, chat: Factory, status: int) -> None:
    server.behave(Behaviour.STATUS, status=status)
    with pytest.raises(ChatRefused, match="refused") as caught:
        await _streamed(chat())
    assert not caught.value.temporary


@pytest.mark.parametrize("status", [408, 500, 502, 503, 529])
async def test_server_trouble_is_temporary_and_not_retried_here(server: StandIn, chat: Factory, status: int) -> None:
    server.behave(Behaviour.STATUS, status=status)
    with pytest.raises(ChatUnavailable) as caught:
        await _streamed(chat())
    assert caught.value.temporary
    assert len(server.received_headers) == 1


async def test_nobody_listening(chat: Factory) -> None:
    client = chat(QUICK, url="http://127.0.0.1:9/v1")
    with pytest.raises(ChatUnavailable):
        await _streamed(client)
    with pytest.raises(ChatUnavailable):
        await client.check()


async def test_leaves_out_what_the_model_does_not_take_and_remembers(server: StandIn, chat: Factory) -> None:
    server.refused_parameters = ("max_tokens", "temperature")
    client = chat()
    assert "".join(await _streamed(client)) == "Hello world [1]."
    sent = len(server.requests)
    await _streamed(client)
    assert len(server.requests) == sent + 1
    assert server.requests[-1]["max_completion_tokens"] == 9
    assert "temperature" not in server.requests[-1]


async def test_check_names_what_is_offered(chat: Factory) -> None:
    with pytest.raises(ChatModelUnknown, match="tiny"):
        await chat(model="huge").check()
    await chat(model="llama3").check()


async def test_check_accepts_a_server_without_a_list(server: StandIn, chat: Factory) -> None:
    server.behave(Behaviour.STATUS, status=404)
    await chat().check()
    assert len(server.received_headers) == 1


async def test_check_fails_on_a_bad_key(server: StandIn, chat: Factory) -> None:
    server.behave(Behaviour.STATUS, status=401)
    with pytest.raises(ChatRefused):
        await chat().check()
