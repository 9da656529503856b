"""What every embedder promises: over the fake, the shipped model, and the API client against a loopback stand-in."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from ragkeeper.providers.embedding.errors import EmbedderUnavailable, TextTooLong
from ragkeeper.providers.embedding.fake import FakeEmbedder
from ragkeeper.providers.embedding.guarded import GuardedEmbedder
from ragkeeper.providers.embedding.onnx import OnnxEmbedder
from ragkeeper.providers.embedding.openai_compatible import EmbeddingEndpoint, OpenAICompatibleEmbedder
from ragkeeper.providers.embedding.port import Embedder
from tests.contract.embedding.standin import StandIn
from tests.contract.guarding import guard

TEXTS = [
    "The reactor is shut down when the pressure rises above the limit.",
    "Cats sleep for most of the day.",
    "Invoices are paid within thirty days.",
    "ok",
    "",
]
ODD = "Größe, naïve café: 漢字 and\t\u05e9\u05dc\u05d5\u05dd \U0001f642\u200d\x00 x" + "y" * 300 + "\ud800"


@pytest.fixture(params=["fake", "onnx", "openai_compatible", "guarded"])
async def embedder(request: pytest.FixtureRequest) -> AsyncIterator[Embedder]:
    if request.param in {"openai_compatible", "guarded"}:
        async with StandIn() as server:
            endpoint = EmbeddingEndpoint(server.base_url, api_key="", model="tiny", batch_size=2)
            made: Embedder = await OpenAICompatibleEmbedder.connect(endpoint)
            if request.param == "guarded":
                made = GuardedEmbedder(made, guard("embedding", "embed"), waits=5, slow_after=30)
            yield made
            await made.close()
        return
    made = FakeEmbedder() if request.param == "fake" else OnnxEmbedder(threads=2)
    yield made
    await made.close()


def test_says_what_it_is(embedder: Embedder) -> None:
    assert embedder.name
    assert embedder.dimension > 1
    assert embedder.max_tokens > 1


async def test_documents_become_unit_vectors(embedder: Embedder) -> None:
    vectors = await embedder.embed_documents(TEXTS)
    assert (vectors.shape, vectors.dtype) == ((len(TEXTS), embedder.dimension), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


async def test_no_documents_are_no_vectors(embedder: Embedder) -> None:
    assert (await embedder.embed_documents([])).shape == (0, embedder.dimension)


async def test_order_is_kept_and_neighbours_do_not_matter(embedder: Embedder) -> None:
    together = await embedder.embed_documents(TEXTS)
    assert np.allclose(await embedder.embed_now(TEXTS), together, atol=1e-5)
    backwards = await embedder.embed_documents(TEXTS[::-1])
    alone = np.concatenate([await embedder.embed_documents([text]) for text in TEXTS])
    np.testing.assert_array_equal(together, backwards[::-1])
    np.testing.assert_array_equal(together, alone)


async def test_a_question_finds_its_text(embedder: Embedder) -> None:
    question = await embedder.embed_query("When is the reactor shut down?")
    assert question.shape == (embedder.dimension,)
    assert question.dtype == np.float32
    assert np.argmax(await embedder.embed_documents(TEXTS) @ question) == 0


async def test_a_text_asked_for_itself_is_nearest_to_itself(embedder: Embedder) -> None:
    documents = await embedder.embed_documents(TEXTS)
    for position, text in enumerate(TEXTS):
        assert documents[position] @ await embedder.embed_query(text) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("text", [*TEXTS, ODD, " \n\t "])
def test_offsets_are_spans_of_the_text_in_order(embedder: Embedder, text: str) -> None:
    spans = embedder.token_offsets(text)
    assert bool(spans) == bool(text.strip())
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    assert spans == sorted(spans)
    assert not any(text[start:end].isspace() for start, end in spans)


async def test_the_longest_text_is_read_and_a_longer_one_is_refused(embedder: Embedder) -> None:
    longest = " ".join(["word"] * embedder.max_tokens)
    assert len(embedder.token_offsets(longest)) == embedder.max_tokens
    assert (await embedder.embed_documents([longest])).shape == (1, embedder.dimension)
    with pytest.raises(TextTooLong) as refused:
        await embedder.embed_documents([*TEXTS, longest + " word"])
    assert refused.value.fields["tokens"] == embedder.max_tokens + 1
    assert refused.value.fields["limit"] == embedder.max_tokens
    await embedder.embed_documents(TEXTS)


async def test_odd_characters_are_embedded(embedder: Embedder) -> None:
    vectors = await embedder.embed_documents([ODD])
    assert vectors[0] @ await embedder.embed_query(ODD) == pytest.approx(1, abs=1e-4)


async def test_all_of_a_long_question_counts(embedder: Embedder) -> None:
    cats, long = "cats sleep " * embedder.max_tokens, "reactor pressure limit " * embedder.max_tokens
    both = await embedder.embed_query(cats + long)
    assert np.linalg.norm(both) == pytest.approx(1, abs=1e-5)
    assert both @ await embedder.embed_query(cats) > 0.5
    assert both @ await embedder.embed_query(long) > 0.5


async def test_calls_at_once_do_not_mix(embedder: Embedder) -> None:
    expected = await embedder.embed_documents(TEXTS)
    one, two, question = await asyncio.gather(
        embedder.embed_documents(TEXTS), embedder.embed_documents(TEXTS[::-1]), embedder.embed_query(TEXTS[1])
    )
    np.testing.assert_array_equal(one, expected)
    np.testing.assert_array_equal(two, expected[::-1])
    np.testing.assert_allclose(question, expected[1], atol=1e-5)


async def test_closed_is_closed(embedder: Embedder) -> None:
    await embedder.close()
    await embedder.close()
    with pytest.raises(EmbedderUnavailable, match="closed"):
        await embedder.embed_documents(TEXTS)
    with pytest.raises(EmbedderUnavailable, match="closed"):
        await embedder.embed_query("a")
