from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest

from ragkeeper.entrypoints.probes import ObservedModel, worker_probe
from ragkeeper.operations.health.models import ComponentState
from ragkeeper.providers.chat.errors import ChatError, ChatModelUnknown, ChatRefused, ChatUnavailable
from ragkeeper.providers.chat.port import ChatMessage, ChatReply

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
        self._fail()
        return ChatReply("reply", None, None, "stop")

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


async def call(model: ObservedModel) -> None:
    await model.complete([], max_tokens=1, temperature=0)


async def read(model: ObservedModel, pieces: int) -> None:
    async with aclosing(model.stream([], max_tokens=1, temperature=0)) as stream:
        for _ in range(pieces):
            await anext(stream)


async def test_what_a_call_showed_is_not_asked_again() -> None:
    scripted = Scripted()
    model = ObservedModel(scripted)
    await call(model)
    await model.check()
    scripted.error = AWAY
    with pytest.raises(ChatUnavailable):
        await call(model)
    with pytest.raises(ChatUnavailable):
        await model.check()
    scripted.error = None
    await call(model)
    await model.check()
    assert scripted.listings == 0


@pytest.mark.parametrize("error", [AWAY, REFUSED, ChatModelUnknown(provider="p", model="m", offered="none")])
async def test_a_listing_holds_whatever_it_says(error: ChatError) -> None:
    scripted = Scripted()
    scripted.error = error
    model = ObservedModel(scripted)
    for _ in range(3):
        with pytest.raises(type(error)):
            await model.check()
    assert scripted.listings == 1


async def test_a_refused_request_and_a_reader_who_leaves_say_nothing_about_the_provider() -> None:
    scripted = Scripted()
    model = ObservedModel(scripted)
    await model.check()
    scripted.error = REFUSED
    with pytest.raises(ChatRefused):
        await call(model)
    await model.check()
    await read(model, 1)
    await model.check()
    scripted.error = AWAY
    with pytest.raises(ChatUnavailable):
        await read(model, 2)
    with pytest.raises(ChatUnavailable):
        await model.check()
    assert scripted.listings == 1


@pytest.mark.parametrize(
    ("error", "paused", "state", "code"),
    [
        (None, False, ComponentState.HEALTHY, ""),
        (None, True, ComponentState.DEGRADED, "reading_paused"),
        ("it broke", True, ComponentState.DEGRADED, "loop_failed"),
    ],
)
async def test_the_worker_says_that_it_fails_or_that_somebody_paused_it(
    error: str | None, paused: bool, state: ComponentState, code: str
) -> None:
    found = await worker_probe(lambda: {"parse": None, "embed": error}, lambda: paused)()
    assert (found.state, found.code) == (state, code)
