"""The guarded client against an embedding endpoint that fails."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ragkeeper.providers.embedding.errors import (
    EmbedderBreakerOpen,
    EmbedderRateLimited,
    EmbedderRefused,
    EmbedderTimedOut,
    EmbedderUnavailable,
    TextRefused,
    TextTooLong,
)
from ragkeeper.providers.embedding.fake import FakeEmbedder
from ragkeeper.providers.embedding.guarded import GuardedEmbedder
from ragkeeper.providers.embedding.openai_compatible import EmbeddingEndpoint, OpenAICompatibleEmbedder
from ragkeeper.providers.embedding.port import Vectors
from ragkeeper.providers.resilience.models import State
from tests.contract.embedding.standin import Reply, StandIn
from tests.contract.guarding import guard


class Stage:
    def __init__(self, server: StandIn) -> None:
        self.server = server
        self.guard = guard("embedding", "embed")
        endpoint = EmbeddingEndpoint(server.base_url, api_key="", model="tiny", retries=0)
        embedder = OpenAICompatibleEmbedder(endpoint, 64)
        self.embedder = GuardedEmbedder(embedder, self.guard, waits=2, slow_after=30)

    def fail(self, status: int, times: int = 1000) -> None:
        self.server.replies = [Reply(status)] * times


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with StandIn() as server:
        made = Stage(server)
        yield made
        await made.embedder.close()


async def test_five_failures_open_the_breaker_for_documents_and_questions(stage: Stage) -> None:
    stage.fail(503)
    for _ in range(5):
        with pytest.raises(EmbedderUnavailable):
            await stage.embedder.embed_documents(["a"])
    asked = len(stage.server.requests)
    assert asked == 6  # one was tried again: the budget's floor
    for call in (stage.embedder.embed_documents(["a"]), stage.embedder.embed_query("a"), stage.embedder.embed_now([])):
        with pytest.raises(EmbedderBreakerOpen, match="open since"):
            await call
    with pytest.raises(EmbedderBreakerOpen):
        await stage.embedder.check()
    assert len(stage.server.requests) == asked


async def test_what_passes_is_tried_again(stage: Stage) -> None:
    stage.fail(503, times=1)
    assert (await stage.embedder.embed_query("a")).shape == (64,)


@pytest.mark.parametrize(("status", "error"), [(401, EmbedderRefused), (404, EmbedderRefused), (400, TextRefused)])
async def test_refused_requests_do_not_count(stage: Stage, status: int, error: type[Exception]) -> None:
    for _ in range(20):
        stage.fail(status, times=1)
        with pytest.raises(error):
            await stage.embedder.embed_documents(["a"])
    with pytest.raises(TextTooLong):
        await stage.embedder.embed_documents(["word " * 1000])
    assert stage.guard.breaker.state is State.CLOSED


async def test_an_endpoint_that_throttles_is_left_alone(stage: Stage) -> None:
    stage.fail(429, times=1)
    for _ in range(2):
        with pytest.raises(EmbedderRateLimited):
            await stage.embedder.embed_documents(["a"])
    assert len(stage.server.requests) == 1
    assert stage.guard.breaker.state is State.CLOSED


async def test_its_check_makes_no_call(stage: Stage) -> None:
    await stage.embedder.check()
    stage.fail(503)
    with pytest.raises(EmbedderUnavailable):
        await stage.embedder.embed_documents(["a"])
    asked = len(stage.server.requests)
    with pytest.raises(EmbedderUnavailable):
        await stage.embedder.check()
    assert len(stage.server.requests) == asked


class Hanging(FakeEmbedder):
    async def embed_query(self, text: str) -> Vectors:
        await asyncio.sleep(60)
        return await super().embed_query(text)


async def test_whoever_waits_for_a_question_s_vector_does_not_wait_long() -> None:
    embedder = GuardedEmbedder(Hanging(), guard("embedding", "embed"), waits=0.02, slow_after=30)
    for _ in range(5):
        with pytest.raises(EmbedderTimedOut):
            await embedder.embed_query("a")
    with pytest.raises(EmbedderBreakerOpen):
        await embedder.embed_query("a")


class Failing(FakeEmbedder):
    async def embed_query(self, text: str) -> Vectors:
        await asyncio.sleep(0.25)
        raise EmbedderUnavailable(name=self.name, reason="gone")


async def test_attempts_take_no_longer_together_than_somebody_waits() -> None:
    embedder = GuardedEmbedder(Failing(), guard("embedding", "embed"), waits=0.3, slow_after=30)
    with pytest.raises(EmbedderTimedOut):
        await embedder.embed_query("a")


async def test_nobody_waits_for_a_turn_longer_than_half_of_his_time() -> None:
    paused = guard("embedding", "embed")
    embedder = GuardedEmbedder(FakeEmbedder(), paused, waits=0.1, slow_after=30)
    paused.limit.pause(0.08)  # the queue would be long enough for it
    with pytest.raises(EmbedderRateLimited):
        await embedder.embed_query("a")
    assert len(await embedder.embed_documents(["a"])) == 1
