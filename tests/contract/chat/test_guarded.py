"""The guarded client against a model server that fails: what counts, what is tried again, what is refused."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from ragkeeper.core.spared import work
from ragkeeper.providers.chat.errors import (
    ChatBreakerOpen,
    ChatBrokenStream,
    ChatError,
    ChatLimitReached,
    ChatPaused,
    ChatRateLimited,
    ChatRefused,
    ChatTimedOut,
    ChatUnavailable,
)
from ragkeeper.providers.chat.guarded import GuardedChat
from ragkeeper.providers.chat.openai_compatible import OpenAICompatibleChat, TimeLimits
from ragkeeper.providers.chat.port import ChatMessage
from ragkeeper.providers.resilience.models import Act, BreakerPolicy, State
from ragkeeper.providers.resilience.silence import Silence
from tests.contract.chat.standin import Behaviour, StandIn
from tests.contract.guarding import guard

QUESTION = [ChatMessage("user", "Hi")]
LIMITS = TimeLimits(connect=1, first_token=0.2, next_token=0.2, total=1)


@pytest.fixture
async def server() -> AsyncIterator[StandIn]:
    async with StandIn() as standin:
        yield standin


class Stage:
    def __init__(
        self,
        server: StandIn,
        per_minute: int | None = None,
        open_seconds: float = 30,
        limits: TimeLimits = LIMITS,
        slow_after: float = 15.0,
    ) -> None:
        self.guard = guard("groq", "chat", per_minute=per_minute, policy=BreakerPolicy(open_seconds=open_seconds))
        client = OpenAICompatibleChat(name="groq", base_url=server.base_url, api_key="", model="tiny", limits=limits)
        self.model = GuardedChat(client, self.guard, slow_after)

    async def complete(self) -> str:
        return (await self.model.complete(QUESTION, max_tokens=9, temperature=0)).text

    async def stream(self) -> str:
        return "".join([piece async for piece in self.model.stream(QUESTION, max_tokens=9, temperature=0)])

    @property
    def state(self) -> State:
        return self.guard.breaker.state


@pytest.mark.parametrize(
    ("behaviour", "status", "error"),
    [
        (Behaviour.STATUS, 500, ChatUnavailable),
        (Behaviour.STATUS, 503, ChatUnavailable),
        (Behaviour.HANG, 200, ChatTimedOut),
        (Behaviour.HANG_AFTER_FIRST, 200, ChatTimedOut),
        (Behaviour.HALF, 200, ChatBrokenStream),
        (Behaviour.SHORT, 200, ChatBrokenStream),
    ],
)
async def test_what_a_provider_does_wrong_five_times_opens_the_breaker(
    server: StandIn, behaviour: Behaviour, status: int, error: type[ChatError]
) -> None:
    stage = Stage(server)
    server.behave(behaviour, status=status)
    for _ in range(5):
        with pytest.raises(error):
            await stage.stream()
    assert stage.state is State.OPEN
    server.behave(Behaviour.REPLY)
    asked = len(server.received_headers)
    for call in (stage.stream, stage.complete):
        with pytest.raises(ChatBreakerOpen) as refused:
            await call()
        assert refused.value.fields["provider"] == "groq"
        assert 0 < (refused.value.retry_after or 0) <= 30
    with pytest.raises(ChatBreakerOpen):
        await stage.model.check()
    assert len(server.received_headers) == asked
    await stage.model.close()


async def test_a_provider_that_hangs_costs_a_whole_reply_no_more_than_a_stream(server: StandIn) -> None:
    stage = Stage(server)
    for behaviour in (Behaviour.HANG, Behaviour.HANG_AFTER_FIRST):
        server.behave(behaviour)
        began = time.monotonic()
        with pytest.raises(ChatTimedOut):
            await stage.complete()
        assert time.monotonic() - began < LIMITS.total
    await stage.model.close()


async def test_a_provider_that_is_not_there_opens_the_breaker() -> None:
    async with StandIn() as server:
        stage = Stage(server)
    for _ in range(5):
        with pytest.raises(ChatUnavailable):
            await stage.complete()
    assert stage.state is State.OPEN
    await stage.model.close()


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422])
async def test_refused_requests_do_not_count(server: StandIn, status: int) -> None:
    stage = Stage(server)
    server.behave(Behaviour.STATUS, status=status)
    for _ in range(50):
        with pytest.raises(ChatUnavailable if status == 409 else ChatRefused):
            await stage.complete()
    assert stage.state is State.CLOSED
    await stage.model.close()


async def test_a_provider_that_throttles_is_left_alone_as_long_as_it_asks(server: StandIn) -> None:
    stage = Stage(server)
    server.behave(Behaviour.STATUS, status=429, headers={"retry-after": "0.3"})
    with pytest.raises(ChatRateLimited):
        await stage.complete()
    server.behave(Behaviour.REPLY)
    with pytest.raises(ChatPaused, match="groq asked for no calls until"):
        await stage.complete()
    assert len(server.received_headers) == 1
    await asyncio.sleep(0.3)
    assert await stage.complete()
    assert stage.state is State.CLOSED
    await stage.model.close()


async def test_a_passing_failure_before_the_first_piece_is_tried_again(server: StandIn) -> None:
    stage = Stage(server)
    server.behave(Behaviour.STATUS, status=503)

    async def heal(_pause: float) -> None:
        server.behave(Behaviour.REPLY)

    stage.guard.sleep = heal
    assert await stage.stream() == "Hello world [1]."
    assert len(server.received_headers) == 2
    await stage.model.close()


async def test_half_a_stream_is_not_tried_again(server: StandIn) -> None:
    stage = Stage(server)
    server.behave(Behaviour.HALF)
    with pytest.raises(ChatBrokenStream):
        await stage.stream()
    assert len(server.requests) == 1
    await stage.model.close()


async def test_no_more_calls_than_the_limit_leave(server: StandIn) -> None:
    stage = Stage(server, per_minute=3)
    for _ in range(3):
        await stage.complete()
    with pytest.raises(ChatLimitReached, match="3 requests a minute to groq") as reached:
        await stage.stream()
    assert 59 < (reached.value.retry_after or 0) <= 60.5
    assert len(server.requests) == 3
    await stage.model.close()


async def test_three_trials_of_a_thousand_reach_the_provider_and_those_who_leave_make_room(server: StandIn) -> None:
    stage = Stage(server, open_seconds=0.05, limits=TimeLimits())
    server.behave(Behaviour.STATUS, status=500)
    for _ in range(5):
        with pytest.raises(ChatUnavailable):
            await stage.complete()
    server.behave(Behaviour.HANG_AFTER_FIRST)
    await asyncio.sleep(0.06)
    for _ in range(2):
        before = len(server.requests)
        calls = [asyncio.create_task(stage.stream()) for _ in range(1000)]
        running = set(calls)
        while len(running) > 3:
            refused, running = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            calls = list(running)
            assert {type(call.exception()) for call in refused} == {ChatBreakerOpen}
        await asyncio.wait(running, timeout=0.2)
        assert (len(running), len(server.requests) - before) == (3, 3)
        for call in running:
            call.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        assert stage.state is State.HALF_OPEN
    server.behave(Behaviour.REPLY)
    for _ in range(3):
        await stage.stream()
    assert stage.state is State.CLOSED
    await stage.model.close()


async def test_closing_by_hand_leaves_a_stream_alone(server: StandIn) -> None:
    stage = Stage(server)
    server.behave(Behaviour.ENDLESS)
    stream = stage.model.stream(QUESTION, max_tokens=9, temperature=0)
    await anext(stream)
    await stage.guard.act(Act.OPEN)
    await anext(stream)
    await stage.guard.act(Act.CLOSE)
    await anext(stream)
    await stream.aclose()
    assert stage.state is State.CLOSED
    await stage.model.close()


async def test_a_request_knows_when_its_model_began(server: StandIn):
    stage = Stage(server)
    with work() as request:
        began = time.monotonic()
        await stage.complete()
        assert request.spoke_at is not None
        assert began <= request.spoke_at <= time.monotonic()
    await stage.model.close()


async def test_the_first_who_meet_a_hanging_provider_do_not_wait_out_their_time(server: StandIn):
    """Sixteen questions at once, a time limit of 20 s each; usual are a few milliseconds."""
    stage = Stage(server, limits=TimeLimits(connect=1, first_token=20, next_token=20, total=30), slow_after=10.0)
    stage.guard.silence = Silence(lambda: 0.01, lambda: stage.guard.tally.failing, least=0.5)
    await stage.complete()
    server.behaviour = Behaviour.HANG
    began = time.monotonic()
    outcomes = await asyncio.gather(*(stage.complete() for _ in range(16)), return_exceptions=True)
    assert time.monotonic() - began < 2
    assert {type(one) for one in outcomes} == {ChatTimedOut}
    assert stage.state is State.OPEN
    with pytest.raises(ChatBreakerOpen):
        await stage.complete()
    await stage.model.close()


async def test_who_asks_alone_waits_once(server: StandIn):
    stage = Stage(server, limits=TimeLimits(connect=1, first_token=1.5, next_token=1, total=30), slow_after=1.0)
    stage.guard.silence = Silence(lambda: 0.01, lambda: stage.guard.tally.failing, least=0.2)
    await stage.complete()
    server.behaviour = Behaviour.HANG
    took = []
    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(ChatTimedOut):
            await stage.complete()
        took.append(time.monotonic() - began)
    assert took[0] > 1.4
    assert max(took[1:]) < 1
    await stage.model.close()
