"""Any server with OpenAI's `/embeddings`: OpenAI, Ollama, vLLM, Text Embeddings Inference, LiteLLM."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import openai
from openai.types import CreateEmbeddingResponse

from ragkeeper.providers.embedding.errors import (
    EmbedderRateLimited,
    EmbedderRefused,
    EmbedderTimedOut,
    EmbedderUnavailable,
    TextRefused,
    WrongDimension,
)
from ragkeeper.providers.embedding.port import Vectors
from ragkeeper.providers.embedding.rules import mean_direction, refuse_longer, text_windows, unit_rows, writable
from ragkeeper.providers.embedding.tokenizer import load_tokenizer, token_spans

# Tokens are counted with the shipped tokenizer. The model's own may need more of them for the same text, so that many
# of the model's tokens are kept free.
SAFE_SHARE = 0.75
_PROBE = "How many numbers does a vector have?"
_SHOWN_REASON = 300
_SERVER_ERROR = 500
_REFUSALS = (openai.BadRequestError, openai.UnprocessableEntityError)


@dataclass(frozen=True, slots=True)
class EmbeddingEndpoint:
    """`max_tokens` is what the model reads; 512 suits nearly all. `timeout` is in seconds, for one request.

    `api_key` may be empty: local servers ask for none. Requests that fail for a passing reason are sent again `retries`
    times, with growing pauses.
    """

    base_url: str
    api_key: str
    model: str
    max_tokens: int = 512
    batch_size: int = 64
    timeout: float = 60.0
    retries: int = 4


class OpenAICompatibleEmbedder:
    """`token_offsets` and `max_tokens` are approximations on the safe side, see SAFE_SHARE."""

    def __init__(self, endpoint: EmbeddingEndpoint, dimension: int) -> None:
        self.dimension = dimension
        self.max_tokens = int(endpoint.max_tokens * SAFE_SHARE)
        self._endpoint = endpoint
        self._tokenizer = load_tokenizer()
        self._client = openai.AsyncOpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key or "none",
            admin_api_key="",
            timeout=endpoint.timeout,
            max_retries=endpoint.retries,
        )
        # The client takes these from OPENAI_ORG_ID and OPENAI_PROJECT_ID, which are nobody else's business.
        self._client.organization = None
        self._client.project = None

    @property
    def name(self) -> str:
        """With the dimension: some models give vectors of any length asked for, which must not be mixed."""
        return f"{self._endpoint.model}@{self.dimension}" if self.dimension else self._endpoint.model

    @classmethod
    async def connect(cls, endpoint: EmbeddingEndpoint, dimension: int | None = None) -> Self:
        """Asks the server for one vector, and takes its dimension or compares it with the expected one.

        Raises EmbedderUnavailable, WrongDimension.
        """
        embedder = cls(endpoint, dimension or 0)
        try:
            found = await embedder.probe()
        except BaseException:
            await embedder.close()
            raise
        embedder.dimension = found
        return embedder

    async def probe(self) -> int:
        """The dimension of a vector that the server returns now. Raises WrongDimension if it is not the expected."""
        return int((await self._request([_PROBE])).shape[1])

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        return token_spans(self._tokenizer, text)

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        for text in texts:
            refuse_longer(self.name, len(self.token_offsets(text)), self.max_tokens)
        return await self._embed(texts)

    async def embed_now(self, texts: Sequence[str]) -> Vectors:
        return await self.embed_documents(texts)  # the endpoint serves requests beside each other

    async def embed_query(self, text: str) -> Vectors:
        return mean_direction(await self._embed(text_windows(text, self.token_offsets(text), self.max_tokens)))

    async def close(self) -> None:
        await self._client.close()

    async def _embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.empty((len(texts), self.dimension), np.float32)
        size = self._endpoint.batch_size
        for start in range(0, len(texts), size):
            vectors[start : start + size] = await self._request(texts[start : start + size])
        return vectors

    async def _request(self, texts: Sequence[str]) -> Vectors:
        if self._client.is_closed():
            raise EmbedderUnavailable(name=self.name, reason="it was closed")
        try:
            response = await self._client.embeddings.create(
                model=self._endpoint.model, input=[writable(text) for text in texts], encoding_format="float"
            )
        except _REFUSALS as error:
            await self._raise_refused(texts, str(error)[:_SHOWN_REASON])
            raise
        except (openai.APIError, ValueError) as error:  # ValueError: a reply without vectors or that is no JSON
            raise self._translated(error) from error
        vectors = self._vectors(response)
        if len(vectors) != len(texts):
            reason = f"it returned {len(vectors)} vectors for {len(texts)} texts"
            raise EmbedderUnavailable(name=self.name, reason=reason)
        if vectors.shape[1] != (self.dimension or vectors.shape[1]):
            raise WrongDimension(name=self.name, found=vectors.shape[1], expected=self.dimension)
        return unit_rows(vectors)

    def _translated(self, error: Exception) -> EmbedderUnavailable:
        reason = str(error)[:_SHOWN_REASON]
        if isinstance(error, openai.APITimeoutError):
            return EmbedderTimedOut(name=self.name, seconds=self._endpoint.timeout)
        if isinstance(error, openai.RateLimitError):
            return EmbedderRateLimited(name=self.name, retry_after=_retry_after(error.response.headers))
        if isinstance(error, openai.APIStatusError) and error.status_code < _SERVER_ERROR:
            return EmbedderRefused(name=self.name, reason=reason)
        return EmbedderUnavailable(name=self.name, reason=reason)

    async def _raise_refused(self, texts: Sequence[str], reason: str) -> None:
        """TextRefused when the server takes a harmless text, EmbedderUnavailable when it refuses that too."""
        if list(texts) == [_PROBE]:
            raise EmbedderRefused(name=self.name, reason=reason)
        await self.probe()
        raise TextRefused(name=self.name, reason=reason)

    def _vectors(self, response: CreateEmbeddingResponse) -> Vectors:
        """Shape (n, d) in the order of the request. The client does not validate, so this does."""
        try:
            rows = sorted(response.data, key=lambda item: item.index)
            vectors = np.array([item.embedding for item in rows], np.float32)
        except (TypeError, ValueError, AttributeError) as error:
            raise EmbedderUnavailable(name=self.name, reason="its reply is not a list of vectors") from error
        if vectors.ndim != 2 or not np.isfinite(vectors).all():  # noqa: PLR2004  (a matrix has 2 axes)
            raise EmbedderUnavailable(name=self.name, reason="its reply is not a list of vectors")
        return vectors


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from the `retry-after` header, as numbers only."""
    try:
        seconds = float(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
