"""Passages put in order by a chat model (`RERANKING_METHOD=llm`)."""

import re
from collections.abc import Sequence

from ragkeeper.generation.prompts import new_boundary, rerank_messages
from ragkeeper.providers.chat.port import ChatModel

_NUMBER = re.compile(r"\d+")
_REPLY_TOKENS = 200


class ModelReranker:
    """Fulfils `ragkeeper.providers.reranking.port.Reranker`; raises ChatError."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model

    @property
    def name(self) -> str:
        return f"llm:{self._model.model}"

    async def warm(self) -> None:
        """A provider's model is warm; asking it would cost money at each start."""

    async def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """From 1 for the text the model puts first downwards; texts it leaves out keep their order at the end."""
        messages = rerank_messages(query, texts, new_boundary())
        reply = await self._model.complete(messages, max_tokens=_REPLY_TOKENS, temperature=0.0)
        return scores_of(reply.text, len(texts))


def scores_of(reply: str, count: int) -> list[float]:
    """A reply such as `3, 1, 2` as one score per text, evenly spaced in 0..1; numbers out of range are ignored."""
    named = dict.fromkeys(int(number) - 1 for number in _NUMBER.findall(reply))
    order = [place for place in named if 0 <= place < count]
    order += [place for place in range(count) if place not in named]
    scores = [0.0] * count
    for rank, place in enumerate(order):
        scores[place] = (count - rank) / count
    return scores
