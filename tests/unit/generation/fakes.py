"""An embedder whose vectors say only which words a text holds, and passages made by hand."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ragkeeper.generation.models import Passage
from ragkeeper.generation.terms import keys
from ragkeeper.providers.embedding.errors import EmbedderUnavailable


class WordEmbedder:
    max_tokens = 254

    def __init__(self, *, is_down: bool = False) -> None:
        self.is_down = is_down
        self.embedded: list[str] = []

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        return [(at, at + 1) for at in range(len(text))]

    async def embed_now(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self.is_down:
            raise EmbedderUnavailable(name="words", reason="down")
        self.embedded.extend(texts)
        return np.stack([_vector(text) for text in texts])

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        return (await self.embed_now([text]))[0]


def _vector(text: str) -> NDArray[np.float32]:
    vector = np.full(64, 0.01, dtype=np.float32)
    for key in keys(text):
        vector[crc32(key.encode()) % 64] += 1
    return vector / np.linalg.norm(vector)


def passage(
    marker: int, text: str, *, dense: float | None = 0.6, lexical: float | None = 8.0, start: int = 100
) -> Passage:
    return Passage(
        marker=marker,
        document_id=f"d{marker}",
        version_id=f"v{marker}",
        chunk_id=marker,
        title=f"Title {marker}",
        text=text,
        page=marker,
        start=start,
        end=start + len(text),
        score=0.7 * (dense or 0) + 0.3,
        dense=dense,
        lexical=lexical,
    )
