"""Joins a generator with its model's names into what `answers` asks for: pairs of turns, plain pieces of text."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from ragkeeper.answers.models import Turn
from ragkeeper.answers.ports import Writer
from ragkeeper.core.settings import Settings
from ragkeeper.generation.budget import TokenBudget
from ragkeeper.generation.models import Answer, Passage
from ragkeeper.generation.prompts import Turn as Exchange
from ragkeeper.generation.service import Generator, TokenDelta
from ragkeeper.providers.chat.port import ChatModel
from ragkeeper.providers.embedding.port import Embedder


def writers(settings: Settings, models: Sequence[ChatModel], embedder: Embedder) -> list[Writer]:
    """One per configured model, in the operator's order."""
    budget = TokenBudget(settings.passage_tokens, settings.conversation_tokens, settings.answer_tokens)
    return [_ModelWriter(model, Generator(model, embedder, budget=budget)) for model in models]


class _ModelWriter:
    def __init__(self, model: ChatModel, generator: Generator) -> None:
        self.name = model.name
        self.model = model.model
        self._generator = generator

    async def answer(self, question: str, passages: Sequence[Passage], history: Sequence[Turn]) -> Answer:
        return await self._generator.answer(question, passages, exchanges(history))

    async def stream(
        self, question: str, passages: Sequence[Passage], history: Sequence[Turn]
    ) -> AsyncGenerator[str | Answer, None]:
        async with aclosing(self._generator.stream(question, passages, exchanges(history))) as events:
            async for event in events:
                yield event.text if isinstance(event, TokenDelta) else event.answer


def exchanges(history: Sequence[Turn]) -> list[Exchange]:
    """Each question with the answer that followed it, if one did."""
    paired: list[Exchange] = []
    for turn in history:
        if turn.role == "user":
            paired.append(Exchange(turn.content, ""))
        elif paired:
            paired[-1] = Exchange(paired[-1].question, turn.content)
    return paired
