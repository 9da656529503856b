"""What generation needs from others."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Texts to unit vectors; `ragkeeper.providers.embedding.port.Embedder` is one."""

    @property
    def max_tokens(self) -> int:
        """The longest text it reads, in tokens."""

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Where each token of `text` begins and ends."""

    async def embed_now(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dimension), each row of length 1, without queueing behind documents."""

    async def embed_query(self, text: str) -> Vectors:
        """(dimension,), of length 1."""
