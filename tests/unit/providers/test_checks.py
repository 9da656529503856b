import asyncio
import shlex
from collections.abc import Sequence

import numpy as np
import pytest

from ragkeeper.core.checks import Check
from ragkeeper.providers.chat.errors import ChatError, ChatModelUnknown, ChatUnavailable
from ragkeeper.providers.chat.fake import FakeChat
from ragkeeper.providers.checks import KNOWN_TEXT, cache_checks, embedder_checks, provider_checks
from ragkeeper.providers.embedding.fake import FakeEmbedder
from ragkeeper.providers.embedding.onnx import OnnxEmbedder
from ragkeeper.providers.embedding.port import Embedder, Vectors
from ragkeeper.providers.known_vectors import known_vector


class Turned(FakeEmbedder):
    """Gives these vectors, whatever it is asked."""

    def __init__(self, vectors: Sequence[Sequence[float]]) -> None:
        super().__init__(2)
        self._given = np.asarray(vectors, dtype=np.float32)

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return self._given[: len(texts)]


def codes(embedder: Embedder, known: Vectors | None = None) -> list[str]:
    async def make() -> Embedder:
        return embedder

    checks: list[Check] = embedder_checks("model", lambda _: known, make)
    return [finding.code for check in checks for finding in check.look()]


ALONG = np.asarray([1, 0], dtype=np.float32)


@pytest.mark.parametrize(
    ("vectors", "known", "found"),
    [
        ([[1, 0], [0.9, 0.1], [0, 1]], None, []),
        ([[1, 0], [0.9, 0.1], [0, 1]], ALONG, []),
        ([[0, 1], [0.1, 0.9], [1, 0]], ALONG, ["embedder_differs"]),
        ([[float("nan"), 0], [0, 1], [1, 0]], None, ["embedder_differs"]),
        ([[2, 0], [0.9, 0.1], [0, 1]], None, ["embedder_differs"]),
        ([[1, 0], [0, 1], [0.9, 0.1]], None, ["embedder_senseless"]),
    ],
)
def test_an_embedder_is_judged_by_what_it_gives(
    vectors: list[list[float]], known: Vectors | None, found: list[str]
) -> None:
    assert codes(Turned(vectors), known) == found


async def test_the_shipped_model_gives_what_is_known_of_it() -> None:
    embedder = OnnxEmbedder(threads=1)
    vectors = await embedder.embed_documents([KNOWN_TEXT])
    known = known_vector(embedder.name)
    assert known is not None
    assert float(vectors[0] @ known) > 0.99
    assert known_vector("another") is None


def test_redis_is_looked_at_where_there_should_be_one() -> None:
    async def away() -> None:
        raise ChatUnavailable(provider="redis", reason="refused")

    async def there() -> None:
        return None

    assert cache_checks(None) == []
    assert [finding.code for finding in cache_checks(away)[0].look()] == ["redis_unreachable"]
    assert list(cache_checks(there)[0].look()) == []


class Hanging(FakeChat):
    async def check(self) -> None:
        await asyncio.Event().wait()


def test_a_provider_that_hangs_is_told_of_and_hides_no_other() -> None:
    [check] = provider_checks(lambda: [Hanging(), FakeChat()], ["http://hangs", "http://here"], seconds=0.05)
    [found] = check.look()
    assert (found.code, found.evidence["code"]) == ("provider_unreachable", "chat_timed_out")


class Without(FakeChat):
    """Has other models, or is away."""

    def __init__(self, error: ChatError) -> None:
        super().__init__()
        self._error = error

    async def check(self) -> None:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [ChatModelUnknown(provider="p", model="m", offered="a"), ChatUnavailable(provider="p", reason="refused")],
)
def test_what_is_to_be_typed_holds_no_credentials(error: ChatError) -> None:
    url = "https://user:pass-4711@h.example:8443/v1/?sig=31337#part"
    [check] = provider_checks(lambda: [Without(error)], [url])
    [found] = check.look()
    assert shlex.split(found.fix, comments=True) == ["curl", "-sS", "https://h.example:8443/v1/models"]
    assert "4711" not in str(found)
    assert "31337" not in str(found)
