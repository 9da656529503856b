"""What every chat model promises, over the fake and over the real client against a loopback stand-in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Protocol

import pytest

from ragkeeper.providers.chat.errors import ChatBrokenStream, ChatRateLimited, ChatUnavailable
from ragkeeper.providers.chat.fake import FakeChat, Line
from ragkeeper.providers.chat.guarded import GuardedChat
from ragkeeper.providers.chat.openai_compatible import OpenAICompatibleChat, TimeLimits
from ragkeeper.providers.chat.port import ChatMessage, ChatModel
from tests.contract.chat.standin import Behaviour, StandIn
from tests.contract.guarding import guard

PIECES = ("Hello", " ", "world [1].")
QUESTION = [ChatMessage("system", "Be brief."), ChatMessage("user", "Hi")]


class Stage(Protocol):
    """A model under test, and a way to make it fail."""

    model: ChatModel

    def fail_before(self) -> None: ...
    def fail_within(self) -> None: ...
    def limit(self) -> None: ...
    def never_end(self) -> None: ...
    async def is_let_go(self) -> bool: ...


class FakeStage:
    def __init__(self) -> None:
        self.model = FakeChat(Line(PIECES))

    def _say(self, line: Line) -> None:
        self.model._lines = [line]

    def fail_before(self) -> None:
        self._say(Line(error=ChatUnavailable(provider="fake", reason="down")))

    def fail_within(self) -> None:
        self._say(Line(PIECES[:1], error=ChatBrokenStream(provider="fake", reason="gone")))

    def limit(self) -> None:
        self._say(Line(error=ChatRateLimited(provider="fake", retry_after=7)))

    def never_end(self) -> None:
        self._say(Line(("more ",) * 100_000))

    async def is_let_go(self) -> bool:
        return self.model.open_streams == 0


class ClientStage:
    def __init__(self, server: StandIn, *, guarded: bool = False) -> None:
        self.server = server
        limits = TimeLimits(connect=2, first_token=5, total=10)
        client = OpenAICompatibleChat(
            name="standin", base_url=server.base_url, api_key="k", model="tiny", limits=limits
        )
        self.model: ChatModel = GuardedChat(client, guard("standin", "chat")) if guarded else client

    def fail_before(self) -> None:
        self.server.behave(Behaviour.STATUS, status=500)

    def fail_within(self) -> None:
        self.server.behave(Behaviour.HALF)

    def limit(self) -> None:
        self.server.behave(Behaviour.STATUS, status=429, headers={"retry-after": "7"})

    def never_end(self) -> None:
        self.server.behave(Behaviour.ENDLESS)

    async def is_let_go(self) -> bool:
        async with asyncio.timeout(5):
            return await self.server.hung_up.wait()


@pytest.fixture(params=["fake", "openai_compatible", "guarded"])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    if request.param == "fake":
        yield FakeStage()
        return
    async with StandIn(PIECES) as server:
        stage = ClientStage(server, guarded=request.param == "guarded")
        yield stage
        await stage.model.close()


async def _streamed(model: ChatModel) -> list[str]:
    return [piece async for piece in model.stream(QUESTION, max_tokens=50, temperature=0)]


async def test_completes(stage: Stage) -> None:
    reply = await stage.model.complete(QUESTION, max_tokens=50, temperature=0)
    assert reply.text == "Hello world [1]."
    assert reply.finish_reason == "stop"


async def test_streams_the_pieces_in_order(stage: Stage) -> None:
    assert await _streamed(stage.model) == list(PIECES)


async def test_has_a_name_and_a_model(stage: Stage) -> None:
    assert stage.model.name
    assert stage.model.model


async def test_check_passes_when_all_is_well(stage: Stage) -> None:
    assert await stage.model.check() is None


async def test_failure_before_the_first_piece_is_unavailability(stage: Stage) -> None:
    stage.fail_before()
    with pytest.raises(ChatUnavailable):
        await stage.model.complete(QUESTION, max_tokens=50, temperature=0)
    with pytest.raises(ChatUnavailable):
        await _streamed(stage.model)
    with pytest.raises(ChatUnavailable):
        await stage.model.check()


async def test_failure_within_the_stream_is_a_broken_stream_after_its_pieces(stage: Stage) -> None:
    stage.fail_within()
    async with aclosing(stage.model.stream(QUESTION, max_tokens=50, temperature=0)) as stream:
        assert await anext(stream) == PIECES[0]
        with pytest.raises(ChatBrokenStream):
            await anext(stream)


async def test_rate_limit_says_how_long_to_wait(stage: Stage) -> None:
    stage.limit()
    with pytest.raises(ChatRateLimited) as caught:
        await _streamed(stage.model)
    assert caught.value.retry_after == 7


async def test_closing_the_stream_ends_the_call(stage: Stage) -> None:
    stage.never_end()
    async with aclosing(stage.model.stream(QUESTION, max_tokens=50, temperature=0)) as stream:
        await anext(stream)
    assert await stage.is_let_go()


async def test_cancelling_the_reader_ends_the_call(stage: Stage) -> None:
    stage.never_end()
    started = asyncio.Event()

    async def read() -> None:
        async with aclosing(stage.model.stream(QUESTION, max_tokens=50, temperature=0)) as stream:
            async for _ in stream:
                started.set()
                await asyncio.sleep(0)

    task = asyncio.create_task(read())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await stage.is_let_go()
