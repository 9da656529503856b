"""Any model of the fastembed library (optional extra `fastembed`); it is downloaded once unless it is already there.

Only the composition root imports this module, and only when a fastembed model is configured.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fastembed import TextEmbedding
from tokenizers import Tokenizer

from ragkeeper.providers.embedding.errors import EmbedderUnavailable
from ragkeeper.providers.embedding.port import Vectors
from ragkeeper.providers.embedding.rules import mean_direction, refuse_longer, text_windows, unit_rows, writable
from ragkeeper.providers.embedding.tokenizer import token_spans

BATCH_SIZE = 8
# A window of a long question is cut out as text and tokenized again, which can make a few more tokens than before.
WINDOW_SHARE = 0.9


class FastembedEmbedder:
    """Loads the model when made, so that a missing one stops the start and not the first question."""

    def __init__(
        self, model: str, cache_dir: Path | None = None, threads: int | None = None, batch: int | None = None
    ) -> None:
        """batch: texts of one run of the model."""
        try:
            self._model = TextEmbedding(model, cache_dir=str(cache_dir) if cache_dir else None, threads=threads)
        except (ValueError, OSError) as error:
            raise EmbedderUnavailable(name=model, reason=str(error)) from error
        self.name = model
        self.dimension = int(self._model.embedding_size)
        self._tokenizer, self.max_tokens = _own_tokenizer(self._model.model.tokenizer)
        self._batch = batch or BATCH_SIZE
        self._closed = False

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        return token_spans(self._tokenizer, text)

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        self._refuse_closed()
        return await asyncio.to_thread(self._embed_documents, texts)

    async def embed_now(self, texts: Sequence[str]) -> Vectors:
        return await self.embed_documents(texts)  # each call has a thread of its own

    async def embed_query(self, text: str) -> Vectors:
        self._refuse_closed()
        return await asyncio.to_thread(self._embed_windows, text)

    async def close(self) -> None:
        self._closed = True

    def _refuse_closed(self) -> None:
        if self._closed:
            raise EmbedderUnavailable(name=self.name, reason="it was closed")

    def _embed_documents(self, texts: Sequence[str]) -> Vectors:
        lengths = [len(self.token_offsets(text)) for text in texts]
        for length in lengths:
            refuse_longer(self.name, length, self.max_tokens)
        vectors = np.empty((len(texts), self.dimension), np.float32)
        by_length = np.argsort(lengths)[::-1]  # neighbours of one length need no padding
        found = self._model.passage_embed([writable(texts[position]) for position in by_length], batch_size=self._batch)
        for position, vector in zip(by_length, found, strict=True):
            vectors[position] = vector
        return unit_rows(vectors)

    def _embed_windows(self, text: str) -> Vectors:
        windows = text_windows(writable(text), self.token_offsets(text), int(self.max_tokens * WINDOW_SHARE))
        return mean_direction(unit_rows(np.array(list(self._model.query_embed(windows)), np.float32)))


def _own_tokenizer(original: Any) -> tuple[Tokenizer, int]:
    """A copy that does not cut or pad, and how many tokens of a text the model reads."""
    copy = Tokenizer.from_str(original.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy, original.truncation["max_length"] - original.num_special_tokens_to_add(is_pair=False)
