"""A cross-encoder run by fastembed (optional extra `fastembed`)."""

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path

from fastembed.rerank.cross_encoder import TextCrossEncoder

from ragkeeper.providers.reranking.errors import RerankerUnavailable


class CrossEncoderReranker:
    """Loads the model when made, so that a missing one stops the start and not the first question.

    Raises RerankerUnavailable when the model is neither in `cache` nor to be had.
    """

    def __init__(self, model: str, cache: Path) -> None:
        self.name = model
        try:
            self._model = TextCrossEncoder(model_name=model, cache_dir=str(cache))
        except (ValueError, OSError) as error:
            raise RerankerUnavailable(model=model, reason=error) from error

    async def warm(self) -> None:
        await self.score("warm up", ["warm up"] * 4)

    async def score(self, query: str, texts: Sequence[str]) -> list[float]:
        logits = await asyncio.to_thread(lambda: list(self._model.rerank(query, list(texts))))
        return [1 / (1 + math.exp(-float(logit))) for logit in logits]
