"""What all embedders have in common: unit length, nothing cut, long questions in windows."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar, cast

import numpy as np

from ragkeeper.providers.embedding.errors import TextTooLong
from ragkeeper.providers.embedding.port import Switching, Vectors

Span = tuple[int, int]
_AnEmbedder = TypeVar("_AnEmbedder")


def unit_rows(vectors: Vectors) -> Vectors:
    """Rows (n, d) scaled to length 1; a row of zeros stays as it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths == 0, 1, lengths), dtype=np.float32)


def mean_direction(vectors: Vectors) -> Vectors:
    """Unit vector (d,) that points where the rows (n, d) point on average."""
    return np.asarray(unit_rows(vectors.mean(axis=0, keepdims=True))[0])


def refuse_longer(name: str, tokens: int, limit: int) -> None:
    if tokens > limit:
        raise TextTooLong(name=name, tokens=tokens, limit=limit)


def writable(text: str) -> str:
    """The same text, as long as before, with `?` for lone surrogates: JSON may carry them, UTF-8 cannot."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def text_windows(text: str, spans: Sequence[Span], size: int) -> list[str]:
    """Cuts a text into parts of at most `size` tokens, none lost; a text that fits comes back whole."""
    if len(spans) <= size:
        return [text]
    starts = [0, *(spans[first][0] for first in range(size, len(spans), size)), len(text)]
    return [text[start:end] for start, end in pairwise(starts)]


def steady(embedder: _AnEmbedder) -> _AnEmbedder:
    """The embedder that serves now: it stays the same one, whatever is switched later."""
    return cast("_AnEmbedder", embedder.serving) if isinstance(embedder, Switching) else embedder
