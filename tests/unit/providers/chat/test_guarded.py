from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest

from ragkeeper.providers.chat.errors import (
    ChatBreakerOpen,
    ChatError,
    ChatLimitReached,
    ChatModelUnknown,
    ChatRateLimited,
    ChatRefused,
    ChatUnavailable,
)
from ragkeeper.providers.chat.guarded import GuardedChat
from ragkeeper.providers.chat.port import ChatMessage, ChatReply
from ragkeeper.providers.resilience.guard import Guard
from ragkeeper.providers.resilience.models import Act, State
from tests.unit.providers.resilience.stage import HandClock, guard

AWAY = ChatUnavailable(provider="p", reason="away")
REFUSED = ChatRefused(provider="p", provider_status=400, reason="too long")


class Scripted:
    """Fails with `error` while it is set; counts how often it was asked apart from calls."""

    name = model = "scripted"

    def __init__(self) -> None:
        self.error: ChatError | None = None
        self.listings = 0

    def _fail(self) -> None:
        if self.error:
            raise self.error

    async def complete(self, messages: Sequence[ChatMessage], *, max_tokens: int, temperature: float) -> ChatReply:
        raise AssertionError

    async def stream(
        self, messages: Sequence[ChatMessage], *, max_tokens: int, temperature: float
    ) -> AsyncGenerator[str, None]:
        yield "re"
        self._fail()
        yield "ply"

    async def check(self) -> None:
        self.listings += 1
        self._fail()

    async def close(self) -> None:
        self.error = AWAY


class Stage:
    def __init__(self, per_minute: int | None = None) -> None:
        self.clock = HandClock()
        self.scripted = Scripted()
        self.guard: Guard = guard(self.clock, per_minute=per_minute, queue=0)
        self.model = GuardedChat(self.scripted, self.guard)

    async def call(self) -> None:
        await self.model.complete([], max_tokens=1, temperature=0)

    async def fails(self, error: ChatError, times: int = 1) -> None:
        self.scripted.error = error
        for _ in range(times):
            with pytest.raises(type(error)):
                await self.call()

    async def is_told(self, error: type[ChatError]) -> None:
        with pytest.raises(error):
            await self.model.check()


async def test_what_a_call_showed_is_not_asked_again() -> None:
    stage = Stage()
    await stage.call()
    await stage.model.check()
    await stage.fails(AWAY)
    await stage.is_told(ChatUnavailable)
    assert not stage.guard.well
    stage.scripted.error = None
    await stage.call()
    await stage.model.check()
    assert (stage.scripted.listings, stage.guard.well) == (0, True)


@pytest.mark.parametrize("error", [AWAY, REFUSED, ChatModelUnknown(provider="p", model="m", offered="none")])
async def test_a_listing_holds_for_a_while_whatever_it_says(error: ChatError) -> None:
    stage = Stage()
    stage.scripted.error = error
    for _ in range(3):
        await stage.is_told(type(error))
    assert (stage.scripted.listings, stage.guard.well) == (1, False)
    stage.scripted.error = None
    stage.clock.move(30)
    await stage.model.check()
    assert (stage.scripted.listings, stage.guard.well) == (2, True)


async def test_a_refused_request_and_a_reader_who_leaves_say_nothing_about_the_provider() -> None:
    stage = Stage()
    await stage.model.check()
    await stage.fails(REFUSED)
    await stage.model.check()
    async with aclosing(stage.model.stream([], max_tokens=1, temperature=0)) as pieces:
        await anext(pieces)
    await stage.model.check()
    await stage.fails(AWAY)
    await stage.is_told(ChatUnavailable)
    assert stage.scripted.listings == 1


async def test_a_pause_and_a_used_up_limit_are_told() -> None:
    stage = Stage(per_minute=2)
    await stage.fails(ChatRateLimited(provider="p", retry_after=0.0))
    await stage.is_told(ChatRateLimited)
    stage.scripted.error = None
    await stage.call()
    await stage.model.check()
    with pytest.raises(ChatLimitReached):
        await stage.call()
    await stage.is_told(ChatLimitReached)


async def test_an_open_breaker_is_told_whatever_was_seen_and_a_closed_one_is_asked_anew() -> None:
    stage = Stage()
    await stage.fails(AWAY, times=5)
    await stage.is_told(ChatBreakerOpen)
    stage.scripted.error = None
    await stage.guard.act(Act.CLOSE)
    await stage.model.check()
    assert (stage.scripted.listings, stage.guard.well) == (1, True)


async def test_a_breaker_that_waits_for_a_first_call_is_no_trouble_once_the_provider_shows_that_it_is_well() -> None:
    stage = Stage()
    await stage.fails(AWAY, times=5)
    stage.clock.move(3600)
    assert (stage.guard.breaker.state, stage.guard.well) == (State.HALF_OPEN, False)
    await stage.is_told(ChatUnavailable)
    assert not stage.guard.well
    stage.scripted.error = None
    stage.clock.move(30)
    await stage.model.check()
    assert (stage.guard.breaker.state, stage.guard.well) == (State.HALF_OPEN, True)


async def test_a_failure_of_long_ago_does_not_make_a_model_unusable() -> None:
    stage = Stage()
    await stage.fails(AWAY)
    stage.clock.move(60)
    assert stage.guard.well
