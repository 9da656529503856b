"""What only the API client can get wrong: batches, statuses, and replies that are not what was asked for."""

import json
from collections.abc import AsyncIterator

import pytest

from ragkeeper.providers.embedding.errors import EmbedderUnavailable, TextRefused, WrongDimension
from ragkeeper.providers.embedding.openai_compatible import EmbeddingEndpoint, OpenAICompatibleEmbedder
from tests.contract.embedding.standin import Reply, StandIn


@pytest.fixture
async def server() -> AsyncIterator[StandIn]:
    async with StandIn() as standin:
        yield standin


@pytest.fixture
async def embedder(server: StandIn) -> AsyncIterator[OpenAICompatibleEmbedder]:
    made = OpenAICompatibleEmbedder(_endpoint(server), dimension=64)
    yield made
    await made.close()


def _endpoint(server: StandIn) -> EmbeddingEndpoint:
    return EmbeddingEndpoint(server.base_url, api_key="k", model="tiny", batch_size=2, timeout=5, retries=2)


def _body(*vectors: object) -> bytes:
    return json.dumps({"data": [{"index": i, "embedding": vector} for i, vector in enumerate(vectors)]}).encode()


async def test_sends_batches(server: StandIn, embedder: OpenAICompatibleEmbedder) -> None:
    await embedder.embed_documents(["a", "b", "c", "d", "e"])
    assert [request["input"] for request in server.requests] == [["a", "b"], ["c", "d"], ["e"]]
    assert {request["model"] for request in server.requests} == {"tiny"}


async def test_tries_again_when_the_server_is_busy(server: StandIn, embedder: OpenAICompatibleEmbedder) -> None:
    server.replies = [Reply(503), Reply(429)]
    assert (await embedder.embed_query("a")).shape == (64,)
    assert len(server.requests) == 3


async def test_gives_up_after_the_retries(server: StandIn, embedder: OpenAICompatibleEmbedder) -> None:
    server.replies = [Reply(503)] * 9
    with pytest.raises(EmbedderUnavailable):
        await embedder.embed_query("a")
    assert len(server.requests) == 3


async def test_does_not_repeat_what_was_refused(server: StandIn, embedder: OpenAICompatibleEmbedder) -> None:
    server.replies = [Reply(401, b'{"error": {"message": "wrong key"}}')]
    with pytest.raises(EmbedderUnavailable, match="wrong key"):
        await embedder.embed_query("a")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b'"text"',
        b"{}",
        b'{"data": []}',
        b'{"data": [{"index": 0}]}',
        _body("text"),
        _body([]),
        _body([1.0, [2.0]]),
        _body([float("nan")] * 64),
        _body([0.5] * 64, [0.5] * 64),
    ],
)
async def test_a_reply_of_another_kind_is_reported(
    server: StandIn, embedder: OpenAICompatibleEmbedder, body: bytes
) -> None:
    server.replies = [Reply(body=body)]
    with pytest.raises((EmbedderUnavailable, WrongDimension)):
        await embedder.embed_query("a")


async def test_another_dimension_is_reported(server: StandIn, embedder: OpenAICompatibleEmbedder) -> None:
    server.replies = [Reply(body=_body([0.5] * 32))]
    with pytest.raises(WrongDimension, match=r"32.*64"):
        await embedder.embed_query("a")


async def test_a_refused_text_is_told_from_a_server_that_refuses_everything(
    server: StandIn, embedder: OpenAICompatibleEmbedder
) -> None:
    server.replies = [Reply(400)]
    with pytest.raises(TextRefused):
        await embedder.embed_documents(["a"])
    server.replies = [Reply(400), Reply(400)]
    with pytest.raises(EmbedderUnavailable):
        await embedder.embed_documents(["a"])


async def test_the_name_tells_the_dimension(embedder: OpenAICompatibleEmbedder) -> None:
    assert embedder.name == "tiny@64"


async def test_connecting_learns_the_dimension(server: StandIn) -> None:
    made = await OpenAICompatibleEmbedder.connect(_endpoint(server))
    assert (made.dimension, await made.probe()) == (64, 64)
    await made.close()


async def test_connecting_checks_the_dimension(server: StandIn) -> None:
    with pytest.raises(WrongDimension):
        await OpenAICompatibleEmbedder.connect(_endpoint(server), dimension=384)


async def test_nobody_answers() -> None:
    nowhere = EmbeddingEndpoint("http://127.0.0.1:9/v1", api_key="", model="tiny", retries=0, timeout=2)
    with pytest.raises(EmbedderUnavailable):
        await OpenAICompatibleEmbedder.connect(nowhere)
