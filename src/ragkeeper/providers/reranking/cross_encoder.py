"""A cross-encoder run by fastembed (optional extra `fastembed`)."""

import asyncio
import math
from collections.abc import Sequence

from fastembed.rerank.cross_encoder import TextCrossEncoder


class CrossEncoderReranker:
    """Loads the model when made, so that a missing one stops the start and not the first question."""

    def __init__(self, model: str) -> None:
        self.name = model
        self._model = TextCrossEncoder(model_name=model)

    async def score(self, query: str, texts: Sequence[str]) -> list[float]:
        logits = await asyncio.to_thread(lambda: list(self._model.rerank(query, list(texts))))
        return [1 / (1 + math.exp(-float(logit))) for logit in logits]
