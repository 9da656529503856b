"""An embedder without a model: texts that share words are near each other, and nothing else is."""

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from ragkeeper.providers.embedding.errors import EmbedderUnavailable, TextRefused
from ragkeeper.providers.embedding.port import Vectors
from ragkeeper.providers.embedding.rules import mean_direction, refuse_longer, text_windows, unit_rows

_TOKEN = re.compile(r"\w+|[^\w\s]")


class FakeEmbedder:
    """Hashes each word to one place and sign of the vector. Deterministic, no I/O.

    `embedded` holds every text that `embed_documents` was given; set `fails` to make every call raise it, and `refuses`
    to a word that makes it refuse a text for good.
    """

    def __init__(self, dimension: int = 64, max_tokens: int = 254, name: str = "fake") -> None:
        self.name = name
        self.dimension = dimension
        self.max_tokens = max_tokens
        self.embedded: list[str] = []
        self.fails: Exception | None = None
        self.refuses: str | None = None
        self.closed = False

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        return [found.span() for found in _TOKEN.finditer(text)]

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        self._refuse()
        for text in texts:
            refuse_longer(self.name, len(self.token_offsets(text)), self.max_tokens)
            if self.refuses and self.refuses in text:
                raise TextRefused(name=self.name, reason=f"it holds {self.refuses}")
        self.embedded.extend(texts)
        return self._embed(texts)

    async def embed_now(self, texts: Sequence[str]) -> Vectors:
        return await self.embed_documents(texts)

    async def embed_query(self, text: str) -> Vectors:
        self._refuse()
        return mean_direction(self._embed(text_windows(text, self.token_offsets(text), self.max_tokens)))

    async def close(self) -> None:
        self.closed = True

    def _refuse(self) -> None:
        if self.fails is not None:
            raise self.fails
        if self.closed:
            raise EmbedderUnavailable(name=self.name, reason="it was closed")

    def _embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            row[0] = 1e-3  # so that a text without words has a direction too
            for word in _TOKEN.findall(text.lower()):
                place, sign = self._place(word)
                row[place] += sign
        return unit_rows(vectors)

    def _place(self, word: str) -> tuple[int, int]:
        digest = int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
        return (digest >> 1) % self.dimension, 1 if digest & 1 else -1
