"""What retrieval needs from a language model, which lies above it; `entrypoints/build.py` joins them."""

from collections.abc import Sequence
from typing import Protocol


class QueryRewriter(Protocol):
    """A model that rewrites questions. Raises ragkeeper.core.errors.RagkeeperError when it cannot."""

    async def standalone(self, question: str, history: Sequence[str]) -> str:
        """The question with what it leaves unsaid filled in from earlier turns, oldest first."""
        ...

    async def hypothetical_answer(self, question: str) -> str:
        """A short passage that could answer the question (HyDE, Gao et al. 2022)."""
        ...

    async def rephrasings(self, question: str) -> list[str]:
        """A few other ways to ask the same."""
        ...
