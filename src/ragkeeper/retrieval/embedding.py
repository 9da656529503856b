"""Vectors of chunks: one that the model refuses is told from its neighbours, which get theirs."""

from collections.abc import Sequence

import numpy as np
import structlog
from numpy.typing import NDArray

from ragkeeper.providers.embedding.errors import TextRefused, TextTooLong
from ragkeeper.providers.embedding.port import Embedder

_log = structlog.get_logger()

Vector = NDArray[np.float32]


async def chunk_vectors(embedder: Embedder, texts: Sequence[str]) -> list[Vector | None]:
    """One per text, None for a text that the model refuses for good, found by halving.

    Raises EmbedderUnavailable, WrongDimension.
    """
    if not texts:
        return []
    try:
        return [_finite(vector) for vector in await embedder.embed_documents(texts)]
    except TextRefused as error:
        if len(texts) == 1:
            _log.warning("chunk_not_embedded", code=error.code, reason=error.message)
            return [await _in_windows(embedder, texts[0]) if isinstance(error, TextTooLong) else None]
    middle = len(texts) // 2
    return [*await chunk_vectors(embedder, texts[:middle]), *await chunk_vectors(embedder, texts[middle:])]


async def _in_windows(embedder: Embedder, text: str) -> Vector | None:
    """A chunk that was cut for a model which reads more than this one: the direction of its parts."""
    try:
        return _finite(await embedder.embed_query(text))
    except TextRefused:
        return None


def _finite(vector: Vector) -> Vector | None:
    return vector if np.isfinite(vector).all() else None
