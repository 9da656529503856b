"""Contextual compression: a model says which sentences of a passage matter; only exact copies of them are kept."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from ragkeeper.generation.models import Passage
from ragkeeper.generation.prompts import NOT_FOUND_REPLY, compress_messages, new_boundary
from ragkeeper.providers.chat.port import ChatModel

_REPLY_TOKENS = 400
_AT_ONCE = 4


class ModelCompressor:
    def __init__(self, model: ChatModel) -> None:
        self._model = model
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def compress(self, question: str, passages: Sequence[Passage]) -> list[Passage]:
        """The passages that help, each cut to the span that does. Raises ChatError."""
        replies = await asyncio.gather(*(self._reply(question, passage) for passage in passages))
        cut = [shortened(passage, reply) for passage, reply in zip(passages, replies, strict=True)]
        return [passage for passage in cut if passage is not None]

    async def _reply(self, question: str, passage: Passage) -> str:
        messages = compress_messages(question, passage.text, new_boundary())
        async with self._free:
            return (await self._model.complete(messages, max_tokens=_REPLY_TOKENS, temperature=0.0)).text


def shortened(passage: Passage, reply: str) -> Passage | None:
    """The passage from the first to the last sentence that the reply copies; None when the reply says that none helps.

    What the model did not copy word for word is not used: the passage then stays whole.
    """
    if reply.strip().startswith(NOT_FOUND_REPLY):
        return None
    places = [(passage.text.find(line), len(line)) for line in map(str.strip, reply.splitlines()) if line]
    found = [(start, start + length) for start, length in places if start >= 0]
    if not found:
        return passage
    start, end = min(first for first, _ in found), max(last for _, last in found)
    return replace(passage, text=passage.text[start:end], start=passage.start + start, end=passage.start + end)
