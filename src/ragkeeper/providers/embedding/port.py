from collections.abc import Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into vectors of unit length, so that the dot product of two is their cosine similarity.

    The same text gives the same vector, whatever it is embedded together with. Vectors of embedders with different
    names must never be compared.
    """

    @property
    def name(self) -> str:
        """Identity stored beside each vector, for example `minilm-l6-v2-int8`."""

    @property
    def dimension(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """Longest text that `embed_documents` takes, in tokens of the text itself (special tokens not counted)."""

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Character span (start, end) of each token in order, without special tokens; spans may leave out whitespace.

        Quick and without I/O; the chunker calls it for whole documents.
        """

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), dimension), in the order of `texts`.

        Raises TextTooLong when a text has more than `max_tokens` tokens, TextRefused when the model will never take one
        of the texts, EmbedderUnavailable, WrongDimension.
        """

    async def embed_now(self, texts: Sequence[str]) -> Vectors:
        """Like `embed_documents`, for somebody who waits: these texts never queue behind documents."""

    async def embed_query(self, text: str) -> Vectors:
        """Shape (dimension,).

        A text longer than `max_tokens` is embedded in windows, and the answer is the direction of their mean.
        Raises EmbedderUnavailable, WrongDimension.
        """

    async def close(self) -> None:
        """Ends threads and connections; the embedder cannot be used afterwards. Calling it twice does no harm."""


@runtime_checkable
class Switching(Protocol):
    """An embedder that stands for another one, which may change at any moment; see `rules.steady`."""

    @property
    def serving(self) -> Embedder: ...
