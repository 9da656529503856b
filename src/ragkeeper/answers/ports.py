"""What answering needs from generation: somebody who quotes, and models that write."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from ragkeeper.answers.models import AnswerMode, Turn
from ragkeeper.generation.models import Answer, Passage

Best = Callable[[], AnswerMode]
"""The best mode that an answer may have at this moment: FULL, unless somebody holds the server to less."""


class Extractor(Protocol):
    async def answer(self, question: str, passages: Sequence[Passage]) -> Answer:
        """Sentences of the passages that answer the question, or a refusal."""
        ...


class Compressor(Protocol):
    async def compress(self, question: str, passages: Sequence[Passage]) -> list[Passage]:
        """The passages that help, cut to the spans that do. Raises ragkeeper.providers.chat.errors.ChatError."""
        ...


class Writer(Protocol):
    """A model behind its prompt. Raises ragkeeper.providers.chat.errors.ChatError."""

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...

    async def answer(self, question: str, passages: Sequence[Passage], history: Sequence[Turn]) -> Answer: ...

    def stream(
        self, question: str, passages: Sequence[Passage], history: Sequence[Turn]
    ) -> AsyncGenerator[str | Answer, None]:
        """Pieces of text as they are written, and at the end the whole checked Answer."""
        ...
